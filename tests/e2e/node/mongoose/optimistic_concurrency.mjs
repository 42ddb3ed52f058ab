// __v guards arrays by default and everything with optimisticConcurrency; whoever comes second gets a VersionError.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Plain = mongoose.model('Plain', new Schema({ list: [Number], name: String }));
  const Guarded = mongoose.model('Guarded', new Schema({ list: [Number], name: String }, { optimisticConcurrency: true }));

  await Plain.create({ list: [1, 2, 3], name: 'p' });
  const [one, two] = [await Plain.findOne(), await Plain.findOne()];
  one.list.pull(1);
  note('pulled', await one.save());
  two.list.set(0, 9);
  await attempt('set by an index that moved', () => two.save());
  const three = await Plain.findOne();
  three.list.push(4);
  note('pushed', await three.save());
  three.increment();
  note('incremented', await three.save());

  await Guarded.create({ list: [], name: 'g' });
  const [first, second] = [await Guarded.findOne(), await Guarded.findOne()];
  first.name = 'first';
  note('first', await first.save());
  second.name = 'second';
  await attempt('second', () => second.save());
  const fresh = await Guarded.findOne();
  fresh.name = 'fresh';
  note('fresh', await fresh.save());
  await Guarded.deleteOne({ _id: fresh._id });
  fresh.name = 'gone';
  await attempt('gone', () => fresh.save());
};
