#!/usr/bin/env node
// Write the models of a Mongoose application as JSON.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { describeModel } from './describe.mjs';

const USAGE = `usage: parallax-mongoose-models MODULE [--call NAME] [--mongoose PATH] [--package NAME] [--out FILE]

MODULE is a file or package, resolved from the current folder, that registers models with Mongoose when it is loaded,
or exports them, or exports a function that makes them.

  --call NAME      call this export with mongoose (by default \`createModels\`, where there is one)
  --mongoose PATH  the module that is the application's mongoose (by default \`mongoose\`, resolved from the current folder)
  --package NAME   what to enter as the package of the models (by default MODULE)
  --out FILE       where to write (by default standard output)
`;

const WRONG_USAGE = 64;
const NO_MODELS = 65;

async function main() {
  const { values, positionals } = arguments_();
  if (positionals.length !== 1) fail(USAGE, WRONG_USAGE);
  const [name] = positionals;
  const here = createRequire(resolve('package.json'));
  const mongoose = await load(here, values.mongoose ?? 'mongoose');
  const exported = await import(await address(here, name));
  const models = await modelsOf(exported, mongoose.default ?? mongoose, values.call);
  if (models.length === 0) fail(`${name} neither registers nor exports a Mongoose model\n`, NO_MODELS);
  const text = written({
    package: values.package ?? name,
    mongoose: (mongoose.default ?? mongoose).version,
    models: models.map(describeModel),
  });
  if (values.out) writeFileSync(values.out, text);
  else process.stdout.write(text);
}

function arguments_() {
  const options = Object.fromEntries(['call', 'mongoose', 'package', 'out'].map((name) => [name, { type: 'string' }]));
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (wrong) {
    return fail(`${wrong.message}\n\n${USAGE}`, WRONG_USAGE);
  }
}

function fail(text, code) {
  process.stderr.write(text);
  process.exit(code);
}

async function address(here, name) {
  return pathToFileURL(here.resolve(/^[./]/.test(name) ? resolve(name) : name)).href;
}

async function load(here, name) {
  return import(await address(here, name));
}

/** The models that loading registered, that are exported, or that an exported function makes; each once, by name. */
async function modelsOf(exported, mongoose, call) {
  const named = { ...(exported.default ?? {}), ...exported };
  const maker = named[call ?? 'createModels'];
  if (call && typeof maker !== 'function') fail(`the module exports no function ${call}\n`, WRONG_USAGE);
  const made = typeof maker === 'function' ? await maker(mongoose) : {};
  const found = new Map();
  for (const each of [...Object.values(named), ...Object.values(made ?? {}), ...Object.values(mongoose.models)]) {
    if (isModel(each)) found.set(each.modelName, each);
  }
  return [...found.values()].sort((one, other) => (one.modelName < other.modelName ? -1 : 1));
}

function isModel(value) {
  return typeof value === 'function' && typeof value.modelName === 'string' && value.schema?.paths !== undefined;
}

/** JSON with a line for each path and index: a change of a model is then a small change of the file. */
function written({ models, ...about }) {
  const lines = (list) => (list.length ? `[\n${list.map((each) => `    ${JSON.stringify(each)}`).join(',\n')}\n   ]` : '[]');
  const model = ({ paths, indexes, ...rest }) =>
    `  {\n${Object.entries(rest).map(([key, value]) => `   ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`).join('')}` +
    `   "paths": ${lines(paths)},\n   "indexes": ${lines(indexes)}\n  }`;
  const head = Object.entries(about).map(([key, value]) => ` ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`).join('');
  return `{\n${head} "models": [\n${models.map(model).join(',\n')}\n ]\n}\n`;
}

await main();
// A model may have opened connections that would keep the process alive.
process.exit(0);
