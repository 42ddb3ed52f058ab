// Documents made from a schema: a value for each path, of its type and within its bounds, the same in every run.

const DAY = 86_400_000;
const FIRST_DAY = Date.UTC(2025, 0, 1);
// What a validator of the application wants, and no schema tells.
const WANTED = { capability: ['access:admin', 'manage:users', 'read:users', 'manage:roles'] };
const GENERATED = new Set(['_id', '__v']);
const TIMESTAMPS = new Set(['createdAt', 'updatedAt']);

/** Values for all paths of a schema; `n` tells documents apart. Optional paths are left out of every third document. */
export function valuesOf(schema, n, { ObjectId, sparse = false }) {
  const values = {};
  schema.eachPath((path, type) => {
    if (GENERATED.has(path) || path.includes('$*') || (schema.options.timestamps && TIMESTAMPS.has(path))) return;
    const required = type.isRequired || type.options.unique;
    if (sparse && !required) return;
    const value = valueOf(type, path, n, ObjectId);
    if (required || type.instance !== 'Mixed' || accepted(type, value)) put(values, path, value);
  });
  return values;
}

/** Whether the validators of the application let a value pass; some ask for a whole protocol. */
function accepted(type, value) {
  return value !== undefined && type.doValidateSync(value, null) === undefined;
}

function valueOf(type, path, n, ObjectId) {
  const { options } = type;
  switch (type.instance) {
    case 'String':
      return text(type, path, n);
    case 'Number':
      return number(options, n);
    case 'Date':
      // Far ahead, so that no TTL index takes the document while two runs are compared.
      return new Date(FIRST_DAY + (3650 + n) * DAY);
    case 'Boolean':
      return n % 2 === 0;
    case 'ObjectId':
    case 'ObjectID':
      return new ObjectId(String(n).padStart(24, '0'));
    case 'Buffer':
      return Buffer.from([n, 1, 2]);
    case 'Map':
      return { one: valueOf(type.$__schemaType, path, n, ObjectId) };
    case 'Array':
      if (type.schema) return [0, 1].map((at) => valuesOf(type.schema, n + at, { ObjectId }));
      return [0, 1].map((at) => valueOf(type.caster ?? type.embeddedSchemaType, path, n + at, ObjectId));
    case 'DocumentArray':
      return [0, 1].map((at) => valuesOf(type.schema, n + at, { ObjectId }));
    case 'Embedded':
    case 'Subdocument':
      return valuesOf(type.schema, n, { ObjectId });
    case 'Mixed':
      return { kind: path, n, half: n + 0.5, list: [n, null, { at: n }] };
    default:
      throw new Error(`no value for ${type.instance} at ${path}`);
  }
}

/** The values of an `enum`, however it was given: a list, an object of TypeScript, or either with a message. */
function allowedBy({ enum: given = [] }) {
  const listed = given.values && !(given instanceof Array) ? given.values : given;
  return Object.values(listed);
}

function text(type, path, n) {
  const { options } = type;
  const allowed = allowedBy(options).filter((one) => typeof one === 'string');
  if (allowed.length > 0) return allowed[n % allowed.length];
  const word = path.split('.').at(-1);
  const longest = options.maxlength ?? options.maxLength ?? Infinity;
  const letters = `${word}_${'abcdefghijklmnopqrstuvwxyz'[n]}`.toLowerCase().replace(/[^a-z_]/g, '');
  const wanted = /email/i.test(path) ? [`person${n}@example.org`] : WANTED[word] && [WANTED[word][n % WANTED[word].length]];
  const candidates = wanted ?? [`${word}-${n}`, letters, `https://example.org/${n}`, String(n).repeat(64)];
  // Validators are functions: the first text that they let pass.
  return candidates.map((one) => one.slice(-longest)).find((one) => accepted(type, one)) ?? candidates[0];
}

function number(options, n) {
  const allowed = allowedBy(options);
  if (allowed.length > 0) return allowed[n % allowed.length];
  const least = typeof options.min === 'number' ? options.min : 0;
  const most = typeof options.max === 'number' ? options.max : Infinity;
  return Math.min(least + n, most);
}

function put(values, path, value) {
  const names = path.split('.');
  const last = names.pop();
  names.reduce((inner, name) => (inner[name] ??= {}), values)[last] = value;
}
