// A TTL index is made at start, documents past their date go by themselves.
export const maybe = ['it may have expired'];

export default async ({ mongoose, Schema, connection, note }) => {
  const schema = new Schema({ name: String, expiresAt: { type: Date, index: { expireAfterSeconds: 0 } }, seen: { type: Date, expires: '30d' } });
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
  note('changed', await connection.db.command({ collMod: 'sessions', index: { name: 'seen_1', expireAfterSeconds: 60 } }).then((reply) => reply.ok));
};
