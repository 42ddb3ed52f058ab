// Every BSON type goes in and comes out as it was, in documents, filters and updates.
export default async ({ mongodb, database, note, attempt }) => {
  const { Long, Double, Int32, Decimal128, Binary, Timestamp, MinKey, MaxKey, BSONRegExp, Code, DBRef, ObjectId, UUID } = mongodb;
  const values = database.collection('values', { promoteValues: false, promoteLongs: false, bsonRegExp: true });
  const all = {
    int: new Int32(-5), long: Long.fromString('-9223372036854775808'), double: new Double(2), minusZero: new Double(-0), nan: new Double(NaN), infinity: new Double(-Infinity),
    decimal: Decimal128.fromString('1.0E+6144'), decimalNan: Decimal128.fromString('NaN'), text: 'añ\u0000\u{1F600}', empty: '', bool: false, none: null,
    id: new ObjectId('5f0000000000000000000002'), date: new Date('1900-01-01T00:00:00.001Z'), regex: new BSONRegExp('^a.*', 'im'), js: new Code('return 1'), scoped: new Code('x', { x: 1 }),
    bytes: new Binary(Buffer.from([1, 2, 3]), 0), custom: new Binary(Buffer.from([9]), 0x80), uuid: new UUID('0b1c9f2e-7a51-1c1e-9d3f-3e5a6b7c8d9e'),
    stamp: new Timestamp({ t: 7, i: 8 }), min: new MinKey(), max: new MaxKey(), ref: new DBRef('other', new ObjectId('5f0000000000000000000003')), list: [1, [2, [3, []]], {}], nested: { a: { b: { '': 'empty key' } } },
  };
  let _id = 0;
  for (const [name, v] of Object.entries(all)) await attempt(`insert ${name}`, () => values.insertOne({ _id: new Int32((_id += 1)), name, v }));
  note('all', await values.find().sort({ _id: 1 }).toArray());
  note('sorted', (await values.find({}, { projection: { name: 1 } }).sort({ v: 1, _id: 1 }).toArray()).map((one) => one.name));
  for (const [name, v] of Object.entries(all)) await attempt(`by ${name}`, () => values.find({ v }).sort({ _id: 1 }).project({ name: 1, _id: 0 }).toArray());
  for (const type of ['double', 'int', 'long', 'decimal', 'number', 'string', 'object', 'array', 'binData', 'objectId', 'bool', 'date', 'null', 'regex', 'timestamp', 'minKey', 'maxKey']) {
    note(`type ${type}`, await values.find({ v: { $type: type } }).sort({ _id: 1 }).project({ name: 1, _id: 0 }).toArray());
  }
  note('numbers across types', await values.find({ v: { $gte: new Double(2), $lt: Long.fromNumber(3) } }).toArray());
  note('as ids', await attempt('ids', async () => {
    const keys = [Long.fromNumber(1), new Double(1.5), 'text', new ObjectId('5f0000000000000000000004'), { a: 1, b: 2 }, new Date(5), true, null, new Binary(Buffer.from('k'))];
    const ids = database.collection('ids');
    await ids.insertMany(keys.map((key) => ({ _id: key })));
    return ids.find().sort({ _id: 1 }).toArray();
  }));
  await attempt('same number, other type', () => database.collection('ids').insertOne({ _id: new Double(1) }));
  await attempt('array as _id', () => database.collection('ids').insertOne({ _id: [1] }));
};
