// Mongoose, driven over stdin and stdout: a call of a model in each line of Extended JSON, and what became of it.
//
// usage: node models.mjs URI DATABASE MODULE, where MODULE exports `createModels(mongoose)`.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { existsSync } from 'node:fs';

import mongoose from 'mongoose';

const { EJSON } = mongoose.mongo.BSON;
/** How many documents are told after each call: the latest ones. */
const LATEST = 25;
const [uri, dbName, name] = process.argv.slice(2);
const { createModels } = await import(existsSync(name) ? pathToFileURL(resolve(name)).href : name);
createModels(mongoose);
await mongoose.connect(uri, { dbName, autoIndex: false, autoCreate: false });

const options = ({ sort, skip, limit, projection, populate, lean }, query) => {
  if (sort) query.sort(sort);
  if (skip) query.skip(skip);
  if (limit) query.limit(limit);
  if (projection) query.select(projection);
  for (const each of populate ?? []) query.populate(each);
  return lean === false ? query : query.lean();
};

const how = ({ upsert, timestamps, array_filters: arrayFilters, run_validators: runValidators }) =>
  Object.fromEntries(Object.entries({ upsert, timestamps, arrayFilters, runValidators }).filter(([, value]) => value !== undefined));

const CALLS = {
  create: async (model, { documents }) => {
    const made = [];
    for (const each of documents) made.push(await model.create(each));
    return made;
  },
  insert_many: (model, { documents, ordered }) => model.insertMany(documents, { ordered }),
  find: (model, call) => options(call, model.find(call.filter)),
  find_one: (model, call) => options(call, model.findOne(call.filter)),
  count_documents: (model, { filter }) => model.countDocuments(filter),
  distinct: (model, { path, filter }) => model.distinct(path, filter),
  update_one: async (model, { filter, update, ...call }) => written(await model.updateOne(filter, update, how(call))),
  update_many: async (model, { filter, update, ...call }) => written(await model.updateMany(filter, update, how(call))),
  find_one_and_update: (model, { filter, update, new: after, ...call }) =>
    options(call, model.findOneAndUpdate(filter, update, { ...how(call), new: after })),
  find_one_and_delete: (model, { filter, ...call }) => options(call, model.findOneAndDelete(filter)),
  delete_one: async (model, { filter }) => (await model.deleteOne(filter)).deletedCount,
  delete_many: async (model, { filter }) => (await model.deleteMany(filter)).deletedCount,
  bulk_write: async (model, { operations, ordered }) => {
    const told = await model.bulkWrite(operations, { ordered });
    const { insertedCount, upsertedCount, matchedCount: matched, modifiedCount: modified, deletedCount: deleted } = told;
    return { inserted: insertedCount + upsertedCount, matched, modified, deleted };
  },
  /** Read a document, let somebody else `meanwhile` change it, change it and save it. */
  save: async (model, { identifier, changes, meanwhile }) => {
    const hidden = Object.values(model.schema.paths).filter((type) => type.options.select === false).map(({ path }) => `+${path}`);
    const document = await model.findOne({ _id: identifier }).select(hidden.join(' '));
    if (meanwhile) await model.collection.updateOne({ _id: identifier }, meanwhile);
    document.set(changes);
    await document.save();
  },
};

function written({ matchedCount, modifiedCount, upsertedCount }) {
  return { n: (matchedCount ?? 0) + (upsertedCount ?? 0), modified: modifiedCount ?? 0 };
}

function described(error) {
  const errors = Object.entries(error.errors ?? {}).map(([path, each]) => [path, { name: each.name, kind: each.kind ?? '' }]);
  return {
    name: error.name,
    ...(error.name === 'ValidationError' ? { errors: Object.fromEntries(errors) } : {}),
    ...(error.name === 'CastError' || error.name === 'StrictModeError' ? { path: error.path } : {}),
    ...(error.name === 'CastError' ? { kind: error.kind } : {}),
    ...(error.code !== undefined ? { code: error.code } : {}),
    ...(error.keyPattern ? { keyPattern: error.keyPattern } : {}),
    message: error.message,
  };
}

/** Numbers of JavaScript, which is what an application has; every other value as the driver makes it. */
function native(value) {
  if (value?._bsontype === 'Int32' || value?._bsontype === 'Double') return value.valueOf();
  if (Array.isArray(value)) return value.map(native);
  // Mongoose's buffers know the document that they are in.
  if (Buffer.isBuffer(value)) return new mongoose.mongo.Binary(Buffer.from(value));
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, native(each)]));
  }
  return value;
}

const text = (value) => EJSON.stringify(value, { relaxed: false });

async function answer(line) {
  const { model: called, call, ...given } = native(EJSON.parse(line, { relaxed: false }));
  const model = mongoose.models[called];
  let said;
  try {
    const result = await CALLS[call](model, given);
    said = { result: call === 'create' || call === 'insert_many' ? null : native(plainly(result)) };
  } catch (error) {
    said = { error: described(error) };
  }
  const stored = await model.collection.find({}, { promoteValues: false }).sort({ $natural: -1 }).limit(LATEST).toArray();
  process.stdout.write(`${text({ ...said, stored })}\n`);
}

function plainly(result) {
  return result?.toObject ? result.toObject({ flattenMaps: true }) : result ?? null;
}

for await (const line of createInterface({ input: process.stdin })) await answer(line);
await mongoose.disconnect();
