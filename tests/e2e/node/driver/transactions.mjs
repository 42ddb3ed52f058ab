// Sessions and transactions of the driver: committed, aborted, in conflict, causally consistent.
export const unverified = ['its transaction was aborted'];

export default async ({ client, database, note, attempt }) => {
  const stock = database.collection('stock');
  await stock.insertMany([{ _id: 'a', n: 5 }, { _id: 'b', n: 0 }]);

  await attempt('withSession', () => client.withSession((session) => session.withTransaction(async () => {
    await stock.updateOne({ _id: 'a' }, { $inc: { n: -2 } }, { session });
    await stock.updateOne({ _id: 'b' }, { $inc: { n: 2 } }, { session });
    note('inside', await stock.find({}, { session }).sort({ _id: 1 }).toArray());
  })));
  const session = client.startSession({ causalConsistency: true });
  session.startTransaction({ writeConcern: { w: 'majority' } });
  await stock.deleteOne({ _id: 'b' }, { session });
  await session.abortTransaction();
  note('not deleted', await stock.countDocuments({ _id: 'b' }, { session }));

  session.startTransaction();
  await stock.updateOne({ _id: 'a' }, { $set: { by: 'first' } }, { session });
  const other = client.startSession();
  other.startTransaction();
  await attempt('conflict', () => stock.updateOne({ _id: 'a' }, { $set: { by: 'second' } }, { session: other }));
  await other.abortTransaction().catch(() => {});
  await other.endSession();
  await session.commitTransaction();
  await attempt('committed again', () => session.commitTransaction());
  session.startTransaction();
  await attempt('not allowed inside', () => stock.distinct('n', {}, { session }));
  await attempt('drop inside', () => stock.drop({ session }));
  await session.abortTransaction().catch(() => {});
  await session.endSession();
  note('in the end', await stock.find().sort({ _id: 1 }).toArray());
};
