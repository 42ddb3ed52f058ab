// A Mongoose model as plain JSON: its schema's paths in their order, and the options that decide what is stored.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const CLOCK_WITHIN_MS = 60_000;
/** What Mongoose calls schema types, with the plain function that declares them. */
const LAST = new Set(['_id', '__v']);
const DECLARING = new Set(['type', 'cast', 'get', 'transform']);

export function describeModel(model) {
  const { schema } = model;
  return {
    model: model.modelName,
    collection: model.collection.name,
    ...schemaOptions(schema),
    _id: schema.path('_id')?.instance ?? false,
    id: schema.options.id !== false,
    optimisticConcurrency: schema.options.optimisticConcurrency ?? false,
    ...discriminated(model),
    paths: [...pathsOf(schema, '', model.baseModelName && model.db.models[model.baseModelName].schema)],
    indexes: schema.indexes().map(([keys, options]) => ({ keys, options: plain(options) })),
    virtuals: Object.entries(schema.virtuals)
      .filter(([name]) => name !== 'id')
      .map(([name, { options }]) => ({ name, ...(options?.ref ? { populates: plain(options) } : {}) })),
    statics: Object.keys(schema.statics),
    methods: Object.keys(schema.methods),
  };
}

function schemaOptions({ options }) {
  return {
    timestamps: plain(options.timestamps ?? false),
    versionKey: options.versionKey ?? '__v',
    strict: options.strict ?? true,
    minimize: options.minimize !== false,
  };
}

function discriminated(model) {
  const { discriminatorMapping: mapping } = model.schema;
  if (!mapping) return {};
  if (mapping.isRoot) return { discriminatorKey: mapping.key, discriminators: Object.keys(model.discriminators ?? {}) };
  return { discriminatorKey: mapping.key, discriminatorValue: plain(mapping.value), base: model.baseModelName };
}

/** `[]` in a path stands for the elements of an array, `$*` for the values of a map. */
function* pathsOf(schema, prefix, base) {
  // A discriminator stores what its base has first.
  const names = new Set([...Object.keys(base?.paths ?? {}).filter((name) => !LAST.has(name)), ...Object.keys(schema.paths)]);
  for (const name of names) {
    const type = schema.paths[name];
    if (name.endsWith('.$*') && schema.paths[name.slice(0, -3)]?.instance === 'Map') continue;
    yield* described(type, `${prefix}${name}`);
  }
}

function* described(type, path) {
  const inner = elementOf(type);
  yield {
    path,
    instance: type.instance,
    options: optionsOf(type),
    ...(inner ? { of: inner.schema ? 'Subdocument' : inner.instance, ofOptions: inner.schema ? {} : optionsOf(inner) } : {}),
    ...(type.schema && inner === undefined ? { schema: schemaOptions(type.schema) } : {}),
    ...(inner?.schema ? { schema: schemaOptions(inner.schema) } : {}),
  };
  if (type.instance === 'Map') yield* described(type.$__schemaType, `${path}.$*`);
  else if (inner?.schema) yield* pathsOf(inner.schema, `${path}[].`);
  else if (inner?.instance === 'Array') yield* described(inner, `${path}[]`);
  else if (type.schema) yield* pathsOf(type.schema, `${path}.`);
}

/** The type of the elements of an array; undefined for everything else. */
function elementOf(type) {
  if (!isArray(type)) return undefined;
  if (type.schema) return { schema: type.schema };
  return type.embeddedSchemaType ?? type.caster;
}

function isArray({ instance }) {
  return instance === 'Array' || instance === 'DocumentArray';
}

function optionsOf(type) {
  const found = {};
  for (const [name, value] of Object.entries(type.options)) {
    if (DECLARING.has(name) || value === undefined) continue;
    found[name] = name === 'default' ? defaultOf(value) : option(name, value);
  }
  // An array has an empty one as its default, unless that was turned off.
  if (isArray(type) && type.defaultValue === undefined) found.default = { $undefined: true };
  return found;
}

function option(name, value) {
  if (name === 'of') return typeName(value);
  if (name === 'ref' && typeof value === 'function' && value.modelName) return value.modelName;
  if (name === 'validate') return validators(value);
  return plain(value);
}

function typeName(value) {
  if (typeof value === 'string') return value;
  return typeof value === 'function' ? value.schemaName ?? value.name : value?.type ? typeName(value.type) : 'Mixed';
}

/** Validators are functions: only who has their counterparts can run them, by their place. Their messages are kept. */
function validators(value) {
  const list = Array.isArray(value) && typeof value[0] !== 'function' ? value : [value];
  return list.map((each) => {
    const [validator, message] = Array.isArray(each) ? each : [each?.validator ?? each, each?.message];
    return { $function: validator?.name ?? '', ...(typeof message === 'string' ? { message } : {}) };
  });
}

/** A function that gives the same each time is described by that value, one that reads the clock or draws a UUID by its kind. */
function defaultOf(value) {
  if (typeof value !== 'function') return plain(value);
  if (value === Date.now) return { $function: 'Date.now' };
  const name = value.name && value.name !== 'default' ? { $function: value.name } : { $function: '' };
  let one;
  let other;
  try {
    [one, other] = [value.call({}), value.call({})];
  } catch {
    return name;
  }
  if (isNow(one)) return { $function: 'Date.now' };
  if (typeof one === 'string' && UUID.test(one) && one !== other) return { $function: 'uuid' };
  if (one?._bsontype === 'ObjectId' && !one.equals(other)) return { $function: 'objectid' };
  const [first, second] = [JSON.stringify(plain(one)), JSON.stringify(plain(other))];
  return first === second && first !== undefined ? { ...name, value: plain(one) } : name;
}

function isNow(value) {
  const time = value instanceof Date ? value.getTime() : value;
  return typeof time === 'number' && Math.abs(time - Date.now()) < CLOCK_WITHIN_MS;
}

/** Values as Extended JSON, functions by their names. */
function plain(value) {
  if (typeof value === 'function') return { $function: value.name };
  if (value instanceof RegExp) return { $regularExpression: { pattern: value.source, options: value.flags } };
  if (value instanceof Date) return { $date: value.toISOString() };
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  if (value._bsontype === 'ObjectId') return { $oid: value.toString() };
  if (typeof value.toJSON === 'function' && value._bsontype) return value.toJSON();
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined).map(([key, each]) => [key, plain(each)]),
  );
}
