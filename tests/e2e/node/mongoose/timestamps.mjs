// createdAt and updatedAt: at creation, at save, in updates, upserts, and in subdocuments.
export default async ({ mongoose, Schema, note }) => {
  const Note = mongoose.model('Note', new Schema({ key: String, text: String, parts: [new Schema({ t: String }, { timestamps: true })] }, { timestamps: { createdAt: 'made', updatedAt: 'changed' } }));
  const made = await Note.create({ key: 'a', text: 'x', parts: [{ t: '1' }] });
  note('created', made);
  note('made is kept', made.made.getTime() === made.changed.getTime());
  await Note.updateOne({ key: 'a' }, { text: 'y' });
  const changed = await Note.findOne({ key: 'a' });
  note('updated', { same: changed.made.getTime() === made.made.getTime(), later: changed.changed >= made.changed });
  changed.parts[0].t = '2';
  await changed.save();
  note('saved', Object.keys((await Note.findOne({ key: 'a' }).lean()).parts[0]));
  await Note.updateOne({ key: 'b' }, { $set: { text: 'z' } }, { upsert: true });
  note('upserted', Object.keys(await Note.findOne({ key: 'b' }).lean()));
  await Note.updateOne({ key: 'b' }, { text: 'silent' }, { timestamps: false });
  await Note.updateMany({}, { $push: { parts: { t: 'pushed' } } });
  note('in the end', (await Note.find().sort('key').lean()).map((one) => [one.key, one.text, one.parts.map((part) => Object.keys(part))]));
};
