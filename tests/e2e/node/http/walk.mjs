// Walk through the routes of the HTTP API as walk.json says, and tell what was answered; http_walk.py does the same.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const STEPS = JSON.parse(readFileSync(new URL('walk.json', import.meta.url)));
const ATTEMPTS = 100;
const CONFLICT = 409;
const TOLD = ['content-type', 'content-range', 'idempotency-replayed'];

export async function walk(address, token) {
  const known = { run: crypto.randomUUID() };
  const seen = [];
  for (const step of STEPS) {
    const answer = await answered(address, token, step, known);
    for (const [name, path] of Object.entries(step.keep ?? {})) known[name] = at(answer, path);
    seen.push([step.step, { ...answer, headers: told(answer.headers), body: step.private ? null : answer.body }]);
  }
  return seen;
}

// Asks again where another write came between, as the API says: messages are marked as indexed meanwhile.
async function answered(address, token, step, known) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = await asked(address, token, step, known);
    if (answer.status !== CONFLICT || answer.body.code !== 'conflict') return answer;
  }
  throw new Error(step.step);
}

async function asked(address, token, step, known) {
  const [method, path] = filled(step.call, known).split(' ');
  const kind = step.body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(address + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...kind, ...filled(step.headers ?? {}, known) },
    body: step.content
      ? step.content.text.repeat(step.content.times)
      : step.body === undefined ? undefined : JSON.stringify(filled(step.body, known)),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  const digest = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: isJson ? JSON.parse(bytes) : digest,
  };
}

function filled(value, known) {
  if (typeof value === 'string') {
    const whole = /^<(\w+)>$/.exec(value);
    return whole ? known[whole[1]] : value.replace(/<(\w+)>/g, (_, name) => known[name]);
  }
  if (Array.isArray(value)) return value.map((one) => filled(one, known));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, known)]));
}

function told(headers) {
  return Object.fromEntries(TOLD.filter((name) => name in headers).map((name) => [name, headers[name]]));
}

function at(answer, path) {
  return path.split('.').reduce((value, name) => value[name], answer);
}
