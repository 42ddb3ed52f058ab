// A renamed collection keeps its documents and indexes under the new name.
export const maybe = ['command renameCollection'];

export default async ({ database, note, attempt }) => {
  await database.collection('a').insertMany([{ _id: 1, x: 1 }, { _id: 2, x: 2 }]);
  await database.collection('a').createIndex({ x: 1 }, { unique: true });
  await attempt('rename', () => database.renameCollection('a', 'b').then((renamed) => renamed.collectionName));
  note('documents', await database.collection('b').find().sort({ _id: 1 }).toArray());
  note('old name', await database.collection('a').countDocuments());
  await attempt('still unique', () => database.collection('b').insertOne({ x: 1 }));
  await attempt('onto itself', () => database.renameCollection('b', 'b').then(() => 1));
  await attempt('nothing', () => database.renameCollection('nothing', 'c').then(() => 1));
};
