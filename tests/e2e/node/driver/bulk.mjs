// Batches: ordered, unordered, larger than one message holds, without an answer.
const told = ({ insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, upsertedIds, insertedIds }) =>
  ({ insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, upsertedIds, insertedIds });

export const unverified = ['no answer was seen'];

export default async ({ database, note, attempt }) => {
  const rows = database.collection('rows');
  await rows.createIndex({ code: 1 }, { unique: true });
  note('many', told(await rows.bulkWrite(Array.from({ length: 1200 }, (_, _id) => ({ insertOne: { document: { _id, code: `c${_id}`, n: 0 } } })))).insertedCount);
  note('updates', told(await rows.bulkWrite(Array.from({ length: 300 }, (_, _id) => ({ updateOne: { filter: { _id }, update: { $inc: { n: _id } } } })))));
  const bad = [
    { insertOne: { document: { _id: 'x', code: 'x' } } },
    { insertOne: { document: { _id: 'y', code: 'c1' } } },
    { updateOne: { filter: { _id: 'x' }, update: { $inc: { code: 1 } } } },
    { updateOne: { filter: { _id: 'z' }, update: { $set: { code: 'z' } }, upsert: true } },
    { replaceOne: { filter: { _id: 5 }, replacement: { code: 'c6' } } },
    { deleteOne: { filter: { _id: 7 } } },
  ];
  await attempt('unordered', () => rows.bulkWrite(bad, { ordered: false }));
  await attempt('ordered', () => rows.bulkWrite([{ deleteMany: { filter: { _id: { $in: ['x', 'z'] } } } }, ...bad]));
  note('big documents', (await database.collection('big').insertMany(Array.from({ length: 10 }, (_, _id) => ({ _id, text: 'z'.repeat(2_000_000) })))).insertedCount);
  note('their length', await database.collection('big').aggregate([{ $project: { n: { $strLenBytes: '$text' } } }, { $sort: { _id: 1 } }]).toArray());
  const silent = database.collection('silent', { writeConcern: { w: 0 } });
  await silent.insertMany([{ _id: 1 }, { _id: 2 }]);
  while ((await database.collection('silent').countDocuments()) < 2);
  note('silent', await database.collection('silent').find().sort({ _id: 1 }).toArray());
};
