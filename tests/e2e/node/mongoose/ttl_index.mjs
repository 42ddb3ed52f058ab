// A TTL index is made at start, documents past their date go by themselves, and what they held is free again.
export const maybe = ['it may have expired', 'documents may have expired', 'written at the same time by several clients'];

export default async ({ mongoose, Schema, note, attempt }) => {
  const schema = new Schema({ name: { type: String, unique: true }, expiresAt: { type: Date, index: { expireAfterSeconds: 0 } }, seen: { type: Date, expires: '30d' } });
  const Session = mongoose.model('Session', schema);
  await Session.init();
  note('indexes', await Session.listIndexes());
  await Session.create([
    { name: 'stays', expiresAt: new Date('2100-01-01') },
    { name: 'no date' },
    { name: 'goes', expiresAt: new Date('2020-01-01') },
  ], { ordered: true });
  while (await Session.exists({ name: 'goes' })) await new Promise((resolve) => setTimeout(resolve, 200));
  note('left', (await Session.find().sort('name').lean()).map((one) => one.name));
  note('counted', [await Session.countDocuments(), await Session.estimatedDocumentCount(), await Session.distinct('name')]);
  await attempt('free again', () => Session.create({ name: 'goes' }));
  note('in the end', (await Session.find().sort('name').lean()).map((one) => [one.name, one.expiresAt]));
};
