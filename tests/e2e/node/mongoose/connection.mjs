// What a connection tells: its state, its events, its collections and databases, options of schemas.
export default async ({ mongoose, Schema, connection, note, attempt }) => {
  const events = [];
  for (const name of ['connecting', 'connected', 'open', 'disconnecting', 'disconnected', 'close', 'error']) connection.on(name, () => events.push(name));
  note('state', connection.readyState);
  const other = mongoose.createConnection(connection.client.s.url);
  const otherEvents = [];
  for (const name of ['connecting', 'connected', 'open', 'disconnected', 'close']) other.on(name, () => otherEvents.push(name));
  await other.asPromise();
  const Thing = other.model('Thing', new Schema({ n: Number }, { writeConcern: { w: 'majority' }, read: 'primaryPreferred', collation: undefined }));
  note('created', await Thing.create({ n: 1 }));
  await connection.createCollection('empty');
  await attempt('created twice', () => connection.db.createCollection('empty'));
  note('collections', (await connection.listCollections()).map((one) => one.name).sort());
  await connection.dropCollection('empty');
  note('dropped', (await connection.listCollections()).map((one) => one.name));
  note('ping', await connection.db.admin().ping());
  await connection.db.collection('things').insertOne({ n: 2 });
  note('found', (await Thing.find().sort('n').lean()).map((one) => one.n));
  await other.close();
  note('of the other', otherEvents);
  await connection.dropDatabase();
  note('after dropDatabase', await Promise.all([connection.collection('things').countDocuments()]));
  await mongoose.disconnect();
  note('events', events);
  note('state', connection.readyState);
};
