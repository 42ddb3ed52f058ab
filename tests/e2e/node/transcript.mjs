// What an application saw, as JSON. Nothing is left out that a driver shows, save clocks of the cluster.

export class Transcript {
  #seen = [];

  /** Write down what a step gave. */
  note(step, value) {
    this.#seen.push([step, plain(value)]);
  }

  /** Run a step and write down its result or its error; return the result. */
  async attempt(step, run) {
    try {
      const result = await run();
      this.note(step, result);
      return result;
    } catch (error) {
      this.#seen.push([step, { thrown: described(error) }]);
      return undefined;
    }
  }

  get seen() {
    return this.#seen;
  }
}

const ERROR_FIELDS = [
  'code', 'codeName', 'kind', 'path', 'value', 'index', 'errmsg', 'keyPattern', 'keyValue', 'insertedCount',
  'matchedCount', 'modifiedCount', 'deletedCount', 'upsertedCount', 'upsertedIds', 'insertedIds', 'writeErrors',
  'version', 'modifiedPaths', 'mongoose', 'results',
];

const CLOCKS = new Set(['$clusterTime', 'operationTime', 'electionId', 'opTime']);

/** Everything of an error that application code looks at. */
export function described(error) {
  const found = { name: error.name, message: error.message };
  for (const field of ERROR_FIELDS) {
    if (error[field] !== undefined) found[field] = plain(error[field]);
  }
  if (error.errors) {
    found.errors = Array.isArray(error.errors)
      ? error.errors.map(described)
      : Object.fromEntries(Object.entries(error.errors).map(([path, one]) => [path, described(one)]));
  }
  if (error.errorLabels) found.labels = [...error.errorLabels].sort();
  return found;
}

/** A value as JSON with its type: an int64 and a double of one value do not look alike. */
export function plain(value) {
  if (value === undefined) return { undefined: true };
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { number: Object.is(value, -0) ? '-0' : String(value) };
  if (typeof value === 'bigint') return { bigint: value.toString() };
  if (typeof value === 'function' || typeof value === 'symbol') return { type: typeof value };
  if (value instanceof Date) return { date: value.toISOString() };
  if (value instanceof RegExp) return { regex: value.toString() };
  if (value instanceof Error) return described(value);
  // MongooseMap shows itself as a Map, documents and their arrays by toObject.
  if (value instanceof Map) return { map: [...value.entries()].map(([key, one]) => [key, plain(one)]) };
  if (value instanceof Set) return { set: [...value].map(plain) };
  if (typeof value._bsontype === 'string') return ofBson(value);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (Array.isArray(value)) return Array.from(value, plain);
  if (typeof value.toObject === 'function') return plain(value.toObject());
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, one]) => !CLOCKS.has(key) && !key.startsWith('$__') && typeof one !== 'function')
      .map(([key, one]) => [key, plain(one)]),
  );
}

function ofBson(value) {
  switch (value._bsontype) {
    case 'ObjectId':
    case 'ObjectID':
      return { oid: value.toHexString() };
    case 'Binary':
      return { binary: Buffer.from(value.buffer.subarray(0, value.position)).toString('hex'), subtype: value.sub_type };
    case 'BSONRegExp':
      return { bsonRegExp: value.pattern, options: value.options };
    case 'Code':
      return { code: value.code, scope: plain(value.scope ?? null) };
    case 'DBRef':
      return { dbref: plain(value.toJSON()) };
    case 'MinKey':
    case 'MaxKey':
      return { [value._bsontype]: true };
    default:
      return { [value._bsontype]: value.toString() };
  }
}
