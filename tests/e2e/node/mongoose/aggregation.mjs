// Pipelines as applications write them: match, group, lookup, unwind, facet, addFields, bucket by date.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Shop = mongoose.model('Shop', new Schema({ name: String, city: String }));
  const Order = mongoose.model('Order', new Schema({ shop: Schema.Types.ObjectId, total: Number, items: [{ _id: false, sku: String, n: Number }], at: Date }));
  const [one, two] = await Shop.create([{ name: 'one', city: 'Rome' }, { name: 'two', city: 'Oslo' }], { ordered: true });
  await Order.insertMany([
    { shop: one, total: 10, items: [{ sku: 'a', n: 1 }, { sku: 'b', n: 2 }], at: new Date('2020-01-01') },
    { shop: one, total: 2.5, items: [{ sku: 'a', n: 4 }], at: new Date('2020-01-02') },
    { shop: two, total: 7, items: [], at: new Date('2020-01-02') },
    { total: 1, at: new Date('2020-02-01') },
  ]);
  const run = (step, pipeline) => attempt(step, () => Order.aggregate(pipeline));

  await run('group', [{ $match: { total: { $gt: 1 } } }, { $group: { _id: '$shop', sum: { $sum: '$total' }, n: { $sum: 1 }, most: { $max: '$total' } } }, { $sort: { sum: -1 } }]);
  await run('lookup', [{ $lookup: { from: 'shops', localField: 'shop', foreignField: '_id', as: 'where' } }, { $unwind: { path: '$where', preserveNullAndEmptyArrays: true } }, { $sort: { total: 1 } }, { $project: { _id: 0, total: 1, name: '$where.name', city: { $ifNull: ['$where.city', 'nowhere'] } } }]);
  await run('lookup with a pipeline', [{ $lookup: { from: 'shops', let: { s: '$shop' }, pipeline: [{ $match: { $expr: { $eq: ['$_id', '$$s'] } } }, { $project: { name: 1, _id: 0 } }], as: 'where' } }, { $sort: { total: 1 } }]);
  await run('unwind and group', [{ $unwind: '$items' }, { $group: { _id: '$items.sku', n: { $sum: '$items.n' } } }, { $sort: { _id: 1 } }]);
  await run('facet', [{ $facet: { count: [{ $count: 'n' }], top: [{ $sort: { total: -1 } }, { $limit: 2 }, { $project: { total: 1, _id: 0 } }], byDay: [{ $group: { _id: { $dateToString: { date: '$at', format: '%Y-%m-%d' } }, n: { $sum: 1 } } }, { $sort: { _id: 1 } }] } }]);
  await run('addFields', [{ $addFields: { lines: { $size: { $ifNull: ['$items', []] } }, big: { $cond: [{ $gte: ['$total', 7] }, 'yes', 'no'] } } }, { $sort: { total: 1 } }, { $project: { lines: 1, big: 1, skus: { $map: { input: '$items', as: 'i', in: { $concat: ['#', '$$i.sku'] } } } } }]);
  await run('sort, skip, limit', [{ $sort: { total: 1 } }, { $skip: 1 }, { $limit: 2 }, { $unset: ['items', '__v'] }]);
  await run('push and first', [{ $sort: { total: 1 } }, { $group: { _id: null, all: { $push: '$total' }, first: { $first: '$$ROOT.total' }, avg: { $avg: '$total' } } }]);
  await run('bucket', [{ $bucket: { groupBy: '$total', boundaries: [0, 5, 10], default: 'more', output: { n: { $sum: 1 } } } }]);
  await run('sortByCount', [{ $match: { shop: { $exists: true } } }, { $sortByCount: '$shop' }]);
  await run('replaceRoot', [{ $match: { total: 10 } }, { $replaceRoot: { newRoot: { $mergeObjects: [{ a: 1 }, { total: '$total' }] } } }]);
  await run('unknown stage', [{ $nonsense: 1 }]);
  await run('count of nothing', [{ $match: { total: -1 } }, { $count: 'n' }]);
};
