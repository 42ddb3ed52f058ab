// findOneAndUpdate and its kin: before and after, upsert with defaults, sort, projection, array filters.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Counter = mongoose.model('Counter', new Schema({
    key: { type: String, unique: true }, n: { type: Number, default: 0 }, kind: { type: String, default: 'plain' }, log: [{ at: Number, by: String }],
  }, { timestamps: true }));
  await Counter.init();
  const after = { returnDocument: 'after' };

  note('nothing', await Counter.findOneAndUpdate({ key: 'a' }, { $inc: { n: 1 } }));
  note('upsert', await Counter.findOneAndUpdate({ key: 'a' }, { $inc: { n: 1 } }, { ...after, upsert: true, setDefaultsOnInsert: true }));
  note('upsert without defaults', await Counter.findOneAndUpdate({ key: 'b' }, { $inc: { n: 1 } }, { ...after, upsert: true, setDefaultsOnInsert: false }));
  note('before', await Counter.findOneAndUpdate({ key: 'a' }, { $inc: { n: 1 } }));
  note('after, some fields', await Counter.findOneAndUpdate({ key: 'a' }, { $push: { log: { at: 1, by: 'x' } } }, { ...after, projection: { n: 1, log: 1 } }).lean());
  note('sorted', await Counter.findOneAndUpdate({}, { $set: { kind: 'most' } }, { ...after, sort: { n: -1 } }));
  note('array filter', await Counter.findOneAndUpdate({ key: 'a' }, { $set: { 'log.$[one].by': 'y' } }, { ...after, arrayFilters: [{ 'one.at': 1 }] }));
  note('replaced', await Counter.findOneAndReplace({ key: 'b' }, { key: 'b', n: 5 }, after));
  note('with metadata', (await Counter.findOneAndUpdate({ key: 'c' }, { n: 3 }, { upsert: true, includeResultMetadata: true })).lastErrorObject);
  await attempt('duplicate', () => Counter.findOneAndUpdate({ key: 'c' }, { key: 'a' }));
  note('deleted', await Counter.findOneAndDelete({ key: 'c' }));
  note('deleted by id', await Counter.findByIdAndDelete((await Counter.findOne({ key: 'b' }))._id));
  note('by id', await Counter.findByIdAndUpdate((await Counter.findOne({ key: 'a' }))._id, { $unset: { kind: 1 }, $min: { n: 0 } }, after));
  note('or fail', await attempt('orFail', () => Counter.findOneAndUpdate({ key: 'zz' }, { n: 1 }).orFail()));
};
