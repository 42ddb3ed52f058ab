// The life of a model's documents: created, found by every index, changed, refused as duplicates, populated, removed.
import { valuesOf } from './values.mjs';

const DOCUMENTS = 4;

/** Run one model through its life; every step is noted. Throws where not a single document could be created. */
export async function live(model, mongoose, { note, attempt }) {
  const { ObjectId } = mongoose.Types;
  const name = model.modelName;
  const step = (what) => `${name}: ${what}`;
  await model.init();
  note(step('indexes'), await model.listIndexes());

  const made = [];
  const refused = [];
  for (let n = 1; n <= DOCUMENTS; n += 1) {
    const values = valuesOf(model.schema, n, { ObjectId, sparse: n % 3 === 0 });
    const created = await attempt(step(`create ${n}`), () =>
      model.create({ _id: new ObjectId(String(n).padStart(24, 'a')), ...values }).catch((error) => {
        refused.push(error.message);
        throw error;
      }));
    if (created) made.push(created);
  }
  if (made.length === 0) throw new Error(`no document of ${name} could be created: ${JSON.stringify(refused)}`);

  await findByIndexes(model, made[0], { note, attempt }, step);
  await duplicate(model, made[0], ObjectId, attempt, step);
  await change(model, made, ObjectId, attempt, step);
  await populate(model, attempt, step);
  await remove(model, made, attempt, step);
}

/** One query for each index, by values of a document that exists, sorted as the index is, and one for each of its prefixes. */
async function findByIndexes(model, document, { attempt }, step) {
  const stored = await model.collection.findOne({ _id: document._id });
  for (const [keys] of model.schema.indexes()) {
    const paths = Object.keys(keys);
    for (let length = 1; length <= paths.length; length += 1) {
      const prefix = paths.slice(0, length);
      const query = Object.fromEntries(prefix.map((path) => [path, at(stored, path) ?? null]));
      const sort = Object.fromEntries(paths.map((path) => [path, keys[path]]));
      await attempt(step(`find by ${prefix}`), () => model.find(query).sort({ ...sort, _id: 1 }).lean());
      await attempt(step(`count by ${prefix}`), () => model.countDocuments(query));
      await attempt(step(`all but ${prefix}`), () => model.find({ [prefix.at(-1)]: { $ne: query[prefix.at(-1)] } }).sort({ _id: -1 }).limit(20).lean());
      await attempt(step(`with ${prefix}`), () => model.find({ [prefix.at(-1)]: { $exists: true, $nin: [null] } }).sort({ ...sort, _id: 1 }).select(prefix.join(' ')).lean());
    }
  }
  await attempt(step('distinct'), async () => {
    const [[keys] = [{ _id: 1 }]] = model.schema.indexes();
    return (await model.distinct(Object.keys(keys)[0])).map(String).sort();
  });
}

/** A second document with the values of the first: each unique index must refuse it. */
async function duplicate(model, document, ObjectId, attempt, step) {
  const stored = await model.collection.findOne({ _id: document._id });
  await attempt(step('same again'), () => model.collection.insertOne({ ...stored }));
  await attempt(step('same under another _id'), () => model.collection.insertOne({ ...stored, _id: new ObjectId('b'.repeat(24)) }));
  for (const [keys, options] of model.schema.indexes().filter(([, one]) => one.unique)) {
    const values = Object.fromEntries(Object.keys(keys).map((path) => [path, at(stored, path)]).filter(([, value]) => value !== undefined));
    await attempt(step(`upsert over ${Object.keys(keys)} ${options.sparse ?? false}`), () =>
      model.collection.findOneAndUpdate(values, { $set: { touched: 1 } }, { upsert: true, returnDocument: 'after' }));
  }
}

async function change(model, made, ObjectId, attempt, step) {
  const [first] = made;
  const last = made.at(-1);
  await attempt(step('save'), async () => {
    first.set(valuesOf(model.schema, 7, { ObjectId, sparse: true }));
    return first.save();
  });
  await attempt(step('findByIdAndUpdate'), () => model.findByIdAndUpdate(last._id, { $set: valuesOf(model.schema, 8, { ObjectId, sparse: true }) }, { new: true }).lean());
  for (const [path, type] of Object.entries(model.schema.paths)) {
    if (path.startsWith('_') || path.includes('$*')) continue;
    if (type.instance === 'Number') await attempt(step(`$inc ${path}`), () => model.updateMany({ [path]: { $type: 'number' } }, { $inc: { [path]: 1.5 } }));
    if (type.instance === 'Array') await attempt(step(`$push ${path}`), () => model.collection.updateOne({ _id: last._id }, { $push: { [path]: { $each: ['x', 'y'], $slice: -2 } } }));
    if (type.instance === 'String' && !type.isRequired) await attempt(step(`$unset ${path}`), () => model.collection.updateOne({ _id: last._id }, { $unset: { [path]: '' } }));
  }
  await attempt(step('after'), () => model.find().sort({ _id: 1 }).lean());
}

async function populate(model, attempt, step) {
  const references = Object.entries(model.schema.paths)
    .filter(([, type]) => typeof (type.options.ref ?? type.caster?.options?.ref) === 'string')
    .filter(([, type]) => model.db.models[type.options.ref ?? type.caster?.options?.ref])
    .map(([path]) => path);
  for (const path of references) {
    await attempt(step(`populate ${path}`), () => model.find().sort({ _id: 1 }).populate(path).lean());
  }
}

async function remove(model, made, attempt, step) {
  await attempt(step('deleteOne'), () => model.deleteOne({ _id: made[0]._id }));
  await attempt(step('findOneAndDelete'), () => model.findOneAndDelete({ _id: made.at(-1)._id }).lean());
  await attempt(step('left'), () => model.find().sort({ _id: 1 }).lean());
}

function at(document, path) {
  return path.split('.').reduce((value, name) => (Array.isArray(value) ? value[0]?.[name] : value?.[name]), document);
}
