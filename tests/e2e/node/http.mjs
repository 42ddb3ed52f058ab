// A client of the HTTP API: node http.mjs ADDRESS. Prints what it saw, at the end what its walk was told.
import { walk } from './http/walk.mjs';

const [address] = process.argv.slice(2);
const token = 'admin';

async function call(method, path, body, headers = {}) {
  const response = await fetch(address + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, etag: response.headers.get('etag'), body: text ? JSON.parse(text) : null };
}

const id = crypto.randomUUID();
const own = { conversationId: id };
const message = (text) => ({ messageId: crypto.randomUUID(), user: 'node', text, ...own });

const seen = [];
const made = await call('POST', '/v1/Message', message('first'), { 'idempotency-key': id });
const again = await call('POST', '/v1/Message', message('first'), { 'idempotency-key': id });
seen.push(made.status, made.body.__v, again.status, again.body.code);
const place = `/v1/Message/${made.body._id.$oid}`;
const changed = await call('PATCH', place, { $set: { text: 'second' } }, { 'if-match': made.etag });
const stale = await call('PATCH', place, { text: 'third' }, { 'if-match': made.etag });
seen.push(changed.status, changed.body.text, stale.status, stale.body.code);
const batch = await call('POST', '/v1/Message/batch', {
  operations: ['a', 'b', 'c'].map((text) => ({ create: message(text) })),
});
seen.push(batch.body.results.map((each) => each.status));
const listed = await call('POST', '/v1/Message/query', { filter: own, sort: { text: 1 }, limit: 3 });
const rest = await call('POST', '/v1/Message/query', {
  filter: own, sort: { text: 1 }, limit: 3, cursor: listed.body.next,
});
seen.push([...listed.body.items, ...rest.body.items].map((each) => each.text));
const begun = await call('POST', '/v1/transactions', {});
const inside = { transaction: begun.body.id };
await call('POST', '/v1/Message', message('undone'), inside);
seen.push((await call('POST', '/v1/Message/count', { filter: own }, inside)).body.count);
seen.push((await call('POST', `/v1/transactions/${begun.body.id}/abort`)).body.state);
const gone = await call('DELETE', place);
seen.push(gone.status, (await call('GET', place)).status);
seen.push((await call('POST', '/v1/Message/count', { filter: own })).body.count);
seen.push(await walk(address, token));
console.log(JSON.stringify({ seen, unverified: [], maybe: [] }));
