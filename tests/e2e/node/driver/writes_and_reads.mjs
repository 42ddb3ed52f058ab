// The plain operations and what they report.
export default async ({ database, note, attempt }) => {
  const books = database.collection('books');
  note('inserted', await books.insertOne({ _id: 1, title: 'a', pages: 10 }));
  note('many', await books.insertMany([{ _id: 2, title: 'b', pages: 20 }, { title: 'c', pages: 30 }]));
  note('updated', await books.updateOne({ _id: 1 }, { $inc: { pages: 1 }, $set: { 'meta.read': true } }));
  note('unchanged', await books.updateOne({ _id: 1 }, { $set: { title: 'a' } }));
  note('upserted', await books.updateOne({ title: 'z' }, { $setOnInsert: { pages: 0 } }, { upsert: true }));
  note('replaced', await books.replaceOne({ _id: 2 }, { title: 'B' }));
  note('found and updated', await books.findOneAndUpdate({ _id: 1 }, { $mul: { pages: 2 } }, { returnDocument: 'after' }));
  note('with metadata', (await books.findOneAndUpdate({ _id: 9 }, { $set: { n: 1 } }, { upsert: true, includeResultMetadata: true })).lastErrorObject);
  note('found and deleted', await books.findOneAndDelete({ _id: 9 }));
  note('all', await books.find({}, { sort: { pages: 1, _id: 1 } }).toArray());
  note('some', await books.find({ pages: { $gt: 5 } }, { projection: { title: 1, _id: 0 }, sort: { pages: -1 }, skip: 1, limit: 1 }).toArray());
  note('distinct', (await books.distinct('title')).sort());
  note('count', await books.countDocuments({ pages: { $exists: true } }));
  note('estimate', await books.estimatedDocumentCount());
  note('deleted', await books.deleteMany({ pages: { $gte: 22 } }));
  await attempt('duplicate', () => books.insertOne({ _id: 1 }).then(() => books.insertOne({ _id: 1 })));
  await attempt('immutable', () => books.updateOne({ _id: 2 }, { $set: { _id: 3 } }));
  await attempt('unknown operator', () => books.find({ a: { $nonsense: 1 } }).toArray());
  await attempt('conflict', () => books.updateOne({ _id: 2 }, { $set: { a: 1 }, $inc: { a: 1 } }));
};
