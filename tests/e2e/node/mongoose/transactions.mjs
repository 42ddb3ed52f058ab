// session.withTransaction and connection.transaction: committed, aborted by an error, reading their own writes.
export const unverified = ['its transaction was aborted'];

export default async ({ mongoose, Schema, connection, note, attempt }) => {
  const Account = mongoose.model('Account', new Schema({ owner: { type: String, unique: true }, balance: Number }));
  await Account.init();
  await Account.create([{ owner: 'ann', balance: 10 }, { owner: 'bob', balance: 0 }], { ordered: true });

  const session = await mongoose.startSession();
  await attempt('withTransaction', () => session.withTransaction(async () => {
    await Account.updateOne({ owner: 'ann' }, { $inc: { balance: -3 } }, { session });
    await Account.updateOne({ owner: 'bob' }, { $inc: { balance: 3 } }, { session });
    note('its own view', await Account.find({}, { _id: 0 }).sort('owner').session(session).lean());
    return 'done';
  }));
  await attempt('thrown', () => session.withTransaction(async () => {
    await Account.create([{ owner: 'carl', balance: 1 }], { session });
    throw new Error('changed my mind');
  }));
  await attempt('duplicate inside', () => session.withTransaction(async () => {
    await Account.updateOne({ owner: 'ann' }, { $inc: { balance: -3 } }, { session });
    await Account.create([{ owner: 'ann', balance: 1 }], { session });
  }));

  session.startTransaction({ readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority', wtimeout: 10000 } });
  await Account.findOneAndUpdate({ owner: 'dora' }, { $inc: { balance: 5 } }, { session, upsert: true });
  note('outside', await Account.exists({ owner: 'dora' }));
  await session.commitTransaction();
  note('outside then', await Account.countDocuments({ owner: 'dora' }));

  session.startTransaction();
  await Account.deleteMany({}, { session });
  await session.abortTransaction();
  await session.endSession();

  const doc = new Account({ owner: 'emil', balance: 1 });
  await attempt('connection.transaction fails', () => connection.transaction(async (inside) => {
    await doc.save({ session: inside });
    throw new Error('no');
  }));
  note('is new again', doc.isNew);
  await attempt('connection.transaction', () => connection.transaction(async (inside) => {
    await doc.save({ session: inside });
    await Account.bulkWrite([
      { updateOne: { filter: { owner: 'bob' }, update: { $set: { balance: 100 } } } },
      { insertOne: { document: { owner: 'fay', balance: 2 } } },
    ], { session: inside });
  }));
  note('in the end', await Account.find().sort('owner').lean());
};
