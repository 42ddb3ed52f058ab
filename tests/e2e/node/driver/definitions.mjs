// Collections and indexes are made, listed, renamed and dropped.
export default async ({ database, note, attempt }) => {
  await attempt('create', () => database.createCollection('a').then((made) => made.collectionName));
  await attempt('create again', () => database.createCollection('a').then(() => 1));
  const a = database.collection('a');
  await attempt('index', () => a.createIndexes([{ key: { x: 1 }, unique: true, name: 'x' }, { key: { y: -1, z: 1 }, sparse: true }]));
  await attempt('index again', () => a.createIndex({ x: 1 }, { unique: true, name: 'x' }));
  await attempt('other name', () => a.createIndex({ x: 1 }, { unique: true, name: 'x2' }));
  await attempt('other keys', () => a.createIndex({ w: 1 }, { name: 'x' }));
  await attempt('empty', () => a.createIndex({}));
  note('indexes', await a.indexes());
  note('collections', (await database.listCollections({}, { nameOnly: true }).toArray()));
  note('in full', (await database.listCollections({ name: 'a' }).toArray()).map(({ name, type, options }) => ({ name, type, options })));
  await attempt('drop by keys', () => a.dropIndex('y_-1_z_1'));
  await attempt('drop unknown', () => a.dropIndex('unknown'));
  await attempt('drop _id', () => a.dropIndex('_id_'));
  await attempt('drop all', () => a.dropIndexes());
  await a.insertMany([{ x: 1 }, { x: 1 }]);
  note('no longer unique', await a.countDocuments({ x: 1 }));
  await attempt('drop', () => a.drop());
  await attempt('drop what is not there', () => database.dropCollection('nothing'));
  await attempt('list indexes of nothing', () => database.collection('nothing').indexes());
  note('none left', await database.listCollections({}, { nameOnly: true }).toArray());
};
