// Values beyond JSON: Decimal128, Buffer, Map, UUID, BigInt, Double, Int32, dates, ObjectId, Mixed, whole doubles, -0.
export default async ({ mongoose, Schema, connection, note, attempt, version }) => {
  const { Types: T } = Schema;
  const Value = mongoose.model('Value', new Schema({
    _id: Number, decimal: T.Decimal128, buffer: Buffer, map: { type: Map, of: Number }, maps: { type: Map, of: new Schema({ x: Number }, { _id: false }) },
    uuid: T.UUID, big: BigInt, double: T.Double, int: T.Int32, date: Date, id: T.ObjectId, mixed: T.Mixed, bool: Boolean, n: Number,
  }, { versionKey: false, minimize: false }));
  await Value.create({
    _id: 1, decimal: '12345678901234567890.0123456789', buffer: Buffer.from([0, 255, 1, 0]), map: new Map([['z', 1], ['a', 2.5]]), maps: { k: { x: 1 } },
    uuid: '0b1c9f2e-7a51-1c1e-9d3f-3e5a6b7c8d9e', big: 9007199254740993n, double: 2, int: -7, date: new Date(-1), id: '5f0000000000000000000001',
    mixed: { re: /^a.b$/im, list: [null, 1, 'x', { deep: [] }], empty: {} }, bool: 'yes', n: -0,
  });
  await Value.create({ _id: 2, decimal: 'NaN', buffer: '', map: {}, n: 1e20, date: '2020-06-01', mixed: 'nul\u0000inside' });
  await Value.create({ _id: 3, n: 4294967296, mixed: [NaN, Infinity, -Infinity], double: 0.1 });

  note('documents', await Value.find().sort('_id'));
  note('lean', await Value.find().sort('_id').lean());
  note('raw types', await connection.collection('values').aggregate([{ $sort: { _id: 1 } }, { $project: { d: { $type: '$decimal' }, b: { $type: '$buffer' }, n: { $type: '$n' }, big: { $type: '$big' }, double: { $type: '$double' }, int: { $type: '$int' }, u: { $type: '$uuid' }, m: { $type: '$map' } } }]).toArray());
  note('by decimal', await Value.countDocuments({ decimal: '12345678901234567890.0123456789' }));
  note('by buffer', await Value.countDocuments({ buffer: Buffer.from([0, 255, 1, 0]) }));
  note('by uuid', await Value.countDocuments({ uuid: '0b1c9f2e-7a51-1c1e-9d3f-3e5a6b7c8d9e' }));
  note('by big', await Value.countDocuments({ big: 9007199254740993n }));
  note('by key of a map', await Value.countDocuments({ 'map.a': 2.5 }));
  note('before 1970', await Value.countDocuments({ date: { $lt: new Date(0) } }));
  const one = await Value.findById(1);
  one.map.set('b', 7);
  one.map.delete('z');
  one.mixed.list.push(2);
  one.markModified('mixed');
  one.buffer[0] = 9;
  one.markModified('buffer');
  note('saved', await one.save());
  note('inc decimal', await Value.updateOne({ _id: 1 }, { $inc: { decimal: '0.5', double: 0.25, int: 1 } }));
  note('in the end', await Value.findById(1).lean());
  await attempt('no int32', () => Value.create({ _id: 9, int: 1.5 }));
};
