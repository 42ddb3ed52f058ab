// Model.watch tells the writes of this model, with a pipeline and the whole document.
export const unverified = ['a tailable cursor or change stream'];

export default async ({ mongoose, Schema, note }) => {
  const Task = mongoose.model('Task', new Schema({ text: String, done: Boolean }));
  const before = await Task.create({ text: 'before' });
  const changes = Task.watch([{ $match: { operationType: { $in: ['insert', 'update', 'delete'] } } }], { fullDocument: 'updateLookup' });
  const seen = [];
  const waiting = [];
  changes.on('change', (change) => (waiting.length ? waiting.shift()(change) : seen.push(change)));
  const next = () => seen.shift() ?? new Promise((resolve) => waiting.push(resolve));
  const told = async (step) => {
    const { operationType, documentKey, fullDocument, updateDescription } = await next();
    note(step, { operationType, documentKey, fullDocument, updateDescription });
  };
  // Nothing tells when the server has opened the stream: the first change that is seen does.
  let open = false;
  const opened = next().then(() => { open = true; });
  let probes = 0;
  while (!open) {
    await Task.updateOne({ _id: before._id }, { text: `probe ${(probes += 1)}` });
    await Promise.race([opened, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  // The probes that followed come first.
  await Task.updateOne({ _id: before._id }, { text: 'ready' });
  while ((await next()).fullDocument.text !== 'ready');

  const task = await Task.create({ text: 'a' });
  await told('inserted');
  await Task.updateOne({ _id: task._id }, { done: true });
  await told('updated');
  await Task.deleteOne({ _id: task._id });
  await told('deleted');
  await changes.close();
};
