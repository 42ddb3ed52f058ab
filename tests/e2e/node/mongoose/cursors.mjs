// Query cursors across several batches: async iteration, eachAsync, an early break, an aggregation cursor.
export default async ({ mongoose, Schema, note }) => {
  const Row = mongoose.model('Row', new Schema({ _id: Number, text: String }, { versionKey: false }));
  await Row.insertMany(Array.from({ length: 120 }, (_, number) => ({ _id: number, text: `row ${number % 7}` })));

  const all = [];
  for await (const row of Row.find().sort({ _id: 1 }).batchSize(25)) all.push(row._id);
  note('iterated', all);

  const some = [];
  for await (const row of Row.find().sort({ _id: -1 }).cursor({ batchSize: 10 })) {
    some.push(row._id);
    if (some.length === 14) break;
  }
  note('broken off', some);

  const sums = { n: 0, sum: 0 };
  await Row.find({ text: 'row 3' }).sort('_id').cursor({ batchSize: 5 }).eachAsync((row) => { sums.n += 1; sums.sum += row._id; }, { parallel: 1 });
  note('eachAsync', sums);

  const cursor = Row.find().sort('_id').lean().cursor({ batchSize: 3 });
  note('next', [await cursor.next(), await cursor.next(), await cursor.next(), await cursor.next()]);
  await cursor.close();

  const groups = [];
  for await (const group of Row.aggregate([{ $group: { _id: '$text', ids: { $sum: '$_id' } } }, { $sort: { _id: 1 } }]).cursor({ batchSize: 2 })) groups.push(group);
  note('aggregated', groups);
  note('exactly one batch', (await Row.find({ _id: { $lt: 20 } }).sort('_id').batchSize(20)).length);
};
