// distinct, the three ways of counting, and exists.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Visit = mongoose.model('Visit', new Schema({ page: String, tags: [String], ms: Number, user: { name: String } }));
  await Visit.insertMany([
    { page: 'a', tags: ['x', 'y'], ms: 1, user: { name: 'ann' } },
    { page: 'a', tags: ['y'], ms: 2.5 },
    { page: 'b', tags: [], ms: 1 },
    { ms: null },
  ]);
  const sorted = (values) => values.map((value) => JSON.stringify(value) ?? 'undefined').sort();

  note('distinct', sorted(await Visit.distinct('page')));
  note('distinct of an array', sorted(await Visit.distinct('tags', { page: 'a' })));
  note('distinct of a path', sorted(await Visit.distinct('user.name')));
  note('distinct numbers', sorted(await Visit.distinct('ms')));
  note('count', await Visit.countDocuments());
  note('count some', await Visit.countDocuments({ tags: 'y' }));
  note('count with skip and limit', await Visit.countDocuments({}, { skip: 1, limit: 2 }));
  note('count nothing', await Visit.countDocuments({ page: 'zz' }));
  note('estimate', await Visit.estimatedDocumentCount());
  note('exists', await Visit.exists({ page: 'b' }));
  note('does not exist', await Visit.exists({ page: 'zz' }));
  note('in nothing', await Visit.countDocuments({ page: { $in: [] } }));
  note('not in nothing', await Visit.countDocuments({ page: { $nin: [] } }));
  note('in with null', await Visit.countDocuments({ page: { $in: [null, 'b'] } }));
  await attempt('cast', () => Visit.countDocuments({ ms: 'many' }));
};
