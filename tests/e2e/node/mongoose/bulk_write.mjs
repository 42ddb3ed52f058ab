// bulkWrite of every kind of operation, ordered and unordered, with errors in the middle; bulkSave.
const told = ({ insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, upsertedIds, insertedIds }) =>
  ({ insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, upsertedIds, insertedIds });

export default async ({ mongoose, Schema, note, attempt }) => {
  const Item = mongoose.model('Item', new Schema({ sku: { type: String, unique: true }, n: { type: Number, default: 1 }, tags: [String] }, { timestamps: true }));
  await Item.init();
  note('mixed', told(await Item.bulkWrite([
    { insertOne: { document: { sku: 'a' } } },
    { insertOne: { document: { sku: 'b', n: 5 } } },
    { updateOne: { filter: { sku: 'a' }, update: { $inc: { n: 10 }, $push: { tags: 'x' } } } },
    { updateMany: { filter: {}, update: { $addToSet: { tags: 'y' } } } },
    { updateOne: { filter: { sku: 'c' }, update: { $set: { n: 7 } }, upsert: true } },
    { replaceOne: { filter: { sku: 'b' }, replacement: { sku: 'b', n: 50 } } },
    { deleteOne: { filter: { sku: 'a' } } },
    { deleteMany: { filter: { n: { $gt: 1000 } } } },
  ])));
  const duplicates = () => [
    { insertOne: { document: { sku: 'd' } } },
    { insertOne: { document: { sku: 'b' } } },
    { insertOne: { document: { sku: 'e' } } },
    { updateOne: { filter: { sku: 'e' }, update: { sku: 'c' } } },
    { updateOne: { filter: { sku: 'c' }, update: { $set: { n: 8 } } } },
  ];
  await attempt('ordered', () => Item.bulkWrite(duplicates()));
  await Item.deleteOne({ sku: 'd' });
  await attempt('unordered', () => Item.bulkWrite(duplicates(), { ordered: false }));
  await attempt('one that cannot be cast', () => Item.bulkWrite([{ insertOne: { document: { sku: 'f', n: 'x' } } }], { ordered: true }));

  const items = await Item.find().sort('sku');
  for (const item of items) item.n += 100;
  note('bulkSave', told(await Item.bulkSave(items)));
  note('in the end', await Item.find().sort('sku').lean());
};
