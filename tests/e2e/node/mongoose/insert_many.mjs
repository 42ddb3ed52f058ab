// insertMany with duplicates and invalid documents, ordered and unordered, raw results.
export default async ({ mongoose, Schema, note, attempt }) => {
  const User = mongoose.model('User', new Schema({ name: { type: String, unique: true, required: true }, n: Number }));
  await User.init();
  note('all new', await User.insertMany([{ name: 'a', n: 1 }, { name: 'b' }]));
  await attempt('ordered', () => User.insertMany([{ name: 'c' }, { name: 'a' }, { name: 'd' }]));
  await attempt('unordered', () => User.insertMany([{ name: 'e' }, { name: 'a' }, { name: 'b' }, { name: 'f' }], { ordered: false }));
  await attempt('invalid, unordered', () => User.insertMany([{ name: 'g' }, { n: 1 }, { name: 'h', n: 'x' }], { ordered: false }));
  await attempt('invalid, ordered', () => User.insertMany([{ name: 'i' }, { n: 1 }]));
  await attempt('raw result', () => User.insertMany([{ name: 'j' }, { n: 2 }], { ordered: false, rawResult: true }));
  await attempt('lean', () => User.insertMany([{ name: 'k', extra: 1 }], { lean: true }));
  const _id = new mongoose.Types.ObjectId();
  await attempt('same _id', () => User.insertMany([{ _id, name: 'l' }, { _id, name: 'm' }, { name: 'n' }], { ordered: false }));
  note('stored', (await User.find().sort('name').lean()).map(({ name, n }) => ({ name, n })));
};
