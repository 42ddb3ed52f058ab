// collMod sets a validator; what it refuses never reaches the collection.
export const maybe = ['option validator'];

export default async ({ database, note, attempt }) => {
  const people = database.collection('people');
  await people.insertOne({ _id: 1, age: 3 });
  note('collMod', (await database.command({ collMod: 'people', validator: { age: { $gte: 0 } } })).ok);
  await attempt('valid', () => people.insertOne({ _id: 2, age: 0 }));
  note('stored', await people.find().sort({ _id: 1 }).toArray());
};
