// Changes inside arrays: push with its modifiers, pull, positional, all-positional and filtered positional.
export default async ({ mongoose, Schema, note, attempt }) => {
  const List = mongoose.model('List', new Schema({ _id: Number, n: [Number], items: [{ _id: false, k: String, v: Number, tags: [String] }] }, { versionKey: false }));
  await List.create([{ _id: 1, n: [1, 2, 3], items: [{ k: 'a', v: 1 }, { k: 'b', v: 2 }, { k: 'a', v: 3 }] }, { _id: 2, n: [], items: [] }], { ordered: true });
  const change = async (step, filter, update, options) => {
    await attempt(step, () => List.updateOne(filter, update, options));
    note(`after: ${step}`, await List.findById(1).lean());
  };

  await change('each, slice', { _id: 1 }, { $push: { n: { $each: [4, 5, 6], $slice: -4 } } });
  await change('each, position', { _id: 1 }, { $push: { n: { $each: [0], $position: 0 } } });
  await change('each, sort', { _id: 1 }, { $push: { items: { $each: [{ k: 'c', v: 0 }], $sort: { v: -1 } } } });
  await change('addToSet', { _id: 1 }, { $addToSet: { n: { $each: [4, 7] } } });
  await change('pull a value', { _id: 1 }, { $pull: { n: 4 } });
  await change('pull a condition', { _id: 1 }, { $pull: { n: { $gte: 6 } } });
  await change('pull a subdocument', { _id: 1 }, { $pull: { items: { k: 'c' } } });
  await change('pullAll', { _id: 1 }, { $pullAll: { n: [5] } });
  await change('pop', { _id: 1 }, { $pop: { n: 1 } });
  await change('positional', { _id: 1, 'items.k': 'a' }, { $set: { 'items.$.v': 30 } });
  await change('positional, elemMatch', { _id: 1, items: { $elemMatch: { k: 'a', v: { $lt: 30 } } } }, { $inc: { 'items.$.v': 5 } });
  await change('all', { _id: 1 }, { $inc: { 'items.$[].v': 1 } });
  await change('filtered', { _id: 1 }, { $push: { 'items.$[it].tags': 'new' } }, { arrayFilters: [{ 'it.v': { $gt: 5 } }] });
  await change('by number', { _id: 1 }, { $set: { 'items.0.k': 'first' } });
  await change('beyond the end', { _id: 2 }, { $set: { 'n.3': 1 } });
  await change('without a match', { _id: 1 }, { $set: { 'items.$.v': 0 } });
  note('in the end', await List.find().sort('_id').lean());
};
