// Lean results are plain objects: projections, nulls and absent fields come as they are stored.
export default async ({ mongoose, Schema, note }) => {
  const Item = mongoose.model('Item', new Schema({ name: String, a: { b: Number, c: [String] }, hidden: { type: String, select: false }, maybe: Schema.Types.Mixed }, { minimize: false }));
  await Item.create([
    { name: 'one', a: { b: 1, c: ['x', 'y'] }, hidden: 'h', maybe: null },
    { name: 'two', a: { b: 2 }, maybe: { free: [1, 'two', { three: 3 }] } },
    { name: 'three', maybe: undefined },
  ], { ordered: true });

  note('all', await Item.find().sort('name').lean());
  note('with the hidden', await Item.find().sort('name').select('+hidden').lean());
  note('inclusion', await Item.find().sort('name').select('name a.b').lean());
  note('exclusion', await Item.find().sort('name').select('-a -__v').lean());
  note('null', await Item.find({ maybe: null }).sort('name').select('name').lean());
  note('absent', await Item.find({ maybe: { $exists: false } }).sort('name').select('name').lean());
  note('not null', await Item.find({ maybe: { $ne: null } }).sort('name').select('name').lean());
  note('type', await Item.find({ maybe: { $type: 'null' } }).select('name').lean());
  note('one', await Item.findOne({ name: 'nobody' }).lean());
  note('slice', await Item.findOne({ name: 'one' }, { 'a.c': { $slice: -1 } }).lean());
  note('or', await Item.find({ $or: [{ 'a.b': { $gte: 2 } }, { name: /^O/i }] }).sort({ name: -1 }).lean());
  note('page', await Item.find().sort({ name: 1 }).skip(1).limit(1).lean());
};
