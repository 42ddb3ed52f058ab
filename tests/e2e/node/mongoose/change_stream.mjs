// Model.watch tells the writes of this model, with a pipeline and the whole document.
export const unverified = ['a tailable cursor or change stream'];

export default async ({ mongoose, Schema, note }) => {
  const Task = mongoose.model('Task', new Schema({ text: String, done: Boolean }));
  await Task.create({ text: 'before' });
  const changes = Task.watch([{ $match: { operationType: { $in: ['insert', 'update', 'delete'] } } }], { fullDocument: 'updateLookup' });
  const next = async (step) => {
    const change = await changes.next();
    note(step, { type: change.operationType, key: change.documentKey, full: change.fullDocument, update: change.updateDescription });
  };
  // The stream begins when it is first asked: tryNext opens it.
  note('nothing yet', await changes.tryNext());
  const task = await Task.create({ text: 'a' });
  await next('inserted');
  await Task.updateOne({ _id: task._id }, { done: true });
  await next('updated');
  await Task.deleteOne({ _id: task._id });
  await next('deleted');
  await changes.close();

  const events = Task.watch();
  const seen = new Promise((resolve) => events.on('change', (change) => resolve(change.operationType)));
  await new Promise((resolve) => events.once('ready', resolve));
  const emitting = (async () => { await events.tryNext?.call; })();
  await emitting;
  let at = null;
  const writing = setInterval(() => { at = Task.updateOne({ text: 'before' }, { $set: { done: true } }); }, 100);
  note('event', await seen);
  clearInterval(writing);
  await at;
  await events.close();
};
