// Defaults are filled in by Mongoose, validators refuse before anything is sent.
export default async ({ mongoose, Schema, note, attempt }) => {
  const User = mongoose.model('User', new Schema({
    name: { type: String, required: true, trim: true, lowercase: true },
    role: { type: String, enum: ['admin', 'member'], default: 'member' },
    score: { type: Number, default: 0, min: 0, max: 100 },
    tags: [String],
    settings: { theme: { type: String, default: 'dark' }, beta: Boolean },
    joined: { type: Date, default: () => new Date('2020-02-29T12:00:00.123Z') },
    nickname: { type: String, default: undefined },
  }));

  note('created', await User.create({ name: '  Ann ' }));
  await attempt('wrong role', () => User.create({ name: 'bob', role: 'king' }));
  await attempt('no name', () => User.create({ score: 101 }));
  await attempt('not a number', () => User.create({ name: 'carl', score: 'many' }));
  note('read back', await User.findOne({ name: 'ann' }));
  note('as stored', await User.findOne({ name: 'ann' }).lean());

  const user = await User.findOne({ name: 'ann' });
  user.settings.beta = true;
  user.tags.push('x', 'y');
  user.role = 'admin';
  note('modified paths', user.modifiedPaths());
  note('saved', await user.save());
  note('updated with validators', await attempt('runValidators', () =>
    User.updateOne({ name: 'ann' }, { role: 'king' }, { runValidators: true })));
  note('replaced', await User.replaceOne({ name: 'ann' }, { name: 'ann2' }));
  note('in the end', await User.find().lean());
  note('removed', await (await User.findOne()).deleteOne());
};
