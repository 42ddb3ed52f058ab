// Indexes are made at start (autoIndex), compared and rebuilt (syncIndexes); duplicates are errors with a keyPattern.
export default async ({ mongoose, Schema, connection, note, attempt }) => {
  const schema = new Schema({ email: { type: String, unique: true }, name: String, team: Number, nick: String });
  schema.index({ team: 1, name: 1 }, { unique: true });
  schema.index({ nick: 1 }, { unique: true, sparse: true });
  schema.index({ name: -1 }, { partialFilterExpression: { team: { $exists: true } } });
  const Person = mongoose.model('Person', schema);
  await Person.init();
  note('indexes', await Person.listIndexes());

  note('first', await Person.create({ email: 'a@x.org', name: 'a', team: 1 }));
  await attempt('same email', () => Person.create({ email: 'a@x.org', name: 'b', team: 1 }));
  await attempt('same pair', () => Person.create({ email: 'b@x.org', name: 'a', team: 1 }));
  await attempt('no nick twice', () => Person.create({ email: 'c@x.org', name: 'c', team: 1 }));
  await attempt('nick', () => Person.create({ email: 'd@x.org', name: 'd', team: 1, nick: 'n' }));
  await attempt('same nick', () => Person.create({ email: 'e@x.org', name: 'e', team: 1, nick: 'n' }));
  await attempt('update into a duplicate', () => Person.updateOne({ email: 'c@x.org' }, { email: 'a@x.org' }));
  await attempt('findOneAndUpdate into a duplicate', () =>
    Person.findOneAndUpdate({ email: 'c@x.org' }, { $set: { email: 'a@x.org' } }));
  await attempt('upsert a duplicate', () =>
    Person.updateOne({ email: 'zz' }, { $set: { nick: 'n', team: 9 } }, { upsert: true }));

  const looser = new Schema({ email: String, name: { type: String, index: true }, team: Number, nick: String }, { collection: 'people', autoIndex: false });
  const Loose = mongoose.model('Loose', looser);
  note('difference', await Loose.diffIndexes());
  note('dropped', await Loose.syncIndexes());
  note('indexes then', await Loose.listIndexes());
  await attempt('same email now', () => Loose.create({ email: 'a@x.org', name: 'a', team: 1 }));
  await attempt('unique over duplicates', () => connection.collection('people').createIndex({ email: 1 }, { unique: true }));
  await attempt('drop what is not there', () => connection.collection('people').dropIndex('nothing_1'));
  note('emails', (await Loose.find().sort({ _id: 1 }).lean()).map((one) => one.email));
};
