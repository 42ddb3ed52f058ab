// What a schema does not know is left out of queries (strictQuery), out of documents (strict), or refused.
export default async ({ mongoose, Schema, note, attempt }) => {
  const define = (name, options) => mongoose.model(name, new Schema({ name: String, n: Number }, { collection: 'items', ...options }));
  const Loose = define('Loose', { strictQuery: false });
  const Strict = define('Strict', { strictQuery: true });
  const Throwing = define('Throwing', { strictQuery: 'throw', strict: 'throw' });
  const Open = define('Open', { strict: false });
  await Open.create([{ name: 'a', n: 1, extra: 'x' }, { name: 'b', n: 2 }], { ordered: true });

  note('loose', (await Loose.find({ extra: 'x' }).lean()).length);
  note('strict', (await Strict.find({ extra: 'x' }).lean()).length);
  await attempt('throwing', () => Throwing.find({ extra: 'x' }));
  await attempt('throwing create', () => Throwing.create({ extra: 1 }));
  note('cast', await Strict.find({ n: '2' }).lean());
  await attempt('cast error', () => Strict.find({ n: { $gt: 'x' } }));
  note('left out', await Strict.create({ name: 'c', extra: 'y' }));
  note('update leaves out', await Strict.updateOne({ name: 'c' }, { extra: 'z', n: 3 }));
  note('open update', await Open.updateOne({ name: 'c' }, { extra: 'z' }));
  note('sanitized', await attempt('sanitizeFilter', () => Strict.find({ name: { $ne: 'a' } }).setOptions({ sanitizeFilter: true })));
  note('in the end', await Open.find().sort('name').lean());
};
