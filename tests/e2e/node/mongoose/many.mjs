// updateMany, deleteMany and updates by a pipeline.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Item = mongoose.model('Item', new Schema({ _id: Number, kind: String, n: Number, list: [Number], total: Number, old: String }, { versionKey: false, strict: false }));
  await Item.insertMany(Array.from({ length: 12 }, (_, _id) => ({ _id, kind: _id % 3 ? 'odd' : 'even', n: _id, list: [_id, _id + 1] })));
  const stored = () => Item.find().sort('_id').lean();

  note('updateMany', await Item.updateMany({ kind: 'even' }, { $inc: { n: 100 }, $set: { 'deep.er': true } }));
  note('none', await Item.updateMany({ kind: 'zz' }, { n: 1 }));
  note('unchanged', await Item.updateMany({ kind: 'even' }, { kind: 'even' }));
  note('upsert', await Item.updateMany({ _id: 99, kind: 'new' }, { n: 1 }, { upsert: true }));
  note('rename, unset', await Item.updateMany({ n: { $gte: 100 } }, { $rename: { kind: 'old' }, $unset: { deep: 1 } }));
  note('stored', await stored());
  note('pipeline', await Item.updateMany({ list: { $exists: true } }, [{ $set: { total: { $sum: '$list' }, list: { $filter: { input: '$list', cond: { $gt: ['$$this', 3] } } } } }, { $unset: 'old' }], { updatePipeline: true }));
  note('pipeline, one', await Item.findOneAndUpdate({ _id: 4 }, [{ $set: { kind: { $concat: ['$kind', '!'] }, n: { $cond: [{ $lt: ['$n', 10] }, 0, '$n'] } } }], { returnDocument: 'after', updatePipeline: true }));
  await attempt('type error', () => Item.updateMany({}, { $push: { n: 1 } }));
  note('deleteMany', await Item.deleteMany({ _id: { $in: [1, 2, 77] } }));
  note('deleteOne', await Item.deleteOne({ _id: { $gt: 5 } }));
  note('the rest', await stored());
  note('all gone', await Item.deleteMany({}));
};
