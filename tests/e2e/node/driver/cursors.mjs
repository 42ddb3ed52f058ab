// Cursors in all the ways in which they are read and left.

export default async ({ database, note, attempt }) => {
  const rows = database.collection('rows');
  await rows.insertMany(Array.from({ length: 90 }, (_, _id) => ({ _id, kind: _id % 4, text: 'x'.repeat(_id) })));

  note('toArray', (await rows.find({ kind: 1 }).sort({ _id: 1 }).batchSize(6).toArray()).map((row) => row._id));
  const ids = [];
  for await (const row of rows.find().sort({ _id: -1 }).batchSize(20)) { ids.push(row._id); if (ids.length === 31) break; }
  note('broken off', ids);
  const cursor = rows.find({}, { sort: { _id: 1 }, batchSize: 5 });
  note('next', [await cursor.next(), await cursor.hasNext(), await cursor.tryNext()]);
  await cursor.close();
  note('closed', cursor.closed);
  note('stream', await new Promise((resolve, reject) => {
    const seen = [];
    rows.find({ kind: 2 }).sort({ _id: 1 }).batchSize(7).stream().on('data', (row) => seen.push(row._id)).on('end', () => resolve(seen)).on('error', reject);
  }));
  note('mapped', await rows.find({ _id: { $lt: 3 } }).sort({ _id: 1 }).map((row) => row.kind).toArray());
  note('limit over batches', (await rows.find().sort({ _id: 1 }).limit(25).batchSize(10).toArray()).length);
  note('single batch', (await rows.find().sort({ _id: 1 }).limit(-4).toArray()).length);
  note('aggregate', await rows.aggregate([{ $group: { _id: '$kind', n: { $sum: 1 }, longest: { $max: { $strLenCP: '$text' } } } }, { $sort: { _id: 1 } }], { cursor: { batchSize: 1 } }).toArray());
  note('hint', (await rows.find({ _id: { $gt: 85 } }).hint({ _id: 1 }).maxTimeMS(10000).comment('why').sort({ _id: 1 }).toArray()).length);
  await attempt('wrong hint', () => rows.find().hint({ nothing: 1 }).toArray());
  await attempt('wrong cursor', () => database.command({ getMore: 1n, collection: 'rows' }));
};
