// node reconnect.mjs <8|9> <uri>: tell the events of a connection while whoever runs this takes the server away.
// A line on stdin takes the program to its next step; each step answers with a line of JSON.
import { createInterface } from 'node:readline';
import { plain } from './transcript.mjs';

const [version, uri] = process.argv.slice(2);
const { default: mongoose } = await import(`mongoose${version}`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const events = [];
const answer = (value) => process.stdout.write(`${JSON.stringify(plain(value))}\n`);

for (const name of ['connected', 'open', 'disconnected', 'reconnected', 'close', 'error']) mongoose.connection.on(name, () => events.push(name));
await mongoose.connect(uri, { heartbeatFrequencyMS: 500 });
const Thing = mongoose.model('Thing', new mongoose.Schema({ n: Number }));
await Thing.init();
await Thing.create({ n: 0 });
answer({ events: events.splice(0), state: mongoose.connection.readyState });

await lines.next();
while (!events.includes('disconnected')) await new Promise((resolve) => setTimeout(resolve, 20));
const waiting = Thing.create({ n: 1 }).then((made) => made.n, (error) => error.name);
answer({ events: events.splice(0), state: mongoose.connection.readyState });

await lines.next();
const waited = await waiting;
while (mongoose.connection.readyState !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
answer({ waited, found: (await Thing.find().sort('n').lean()).map((one) => one.n), events: [...new Set(events.splice(0))].sort(), state: mongoose.connection.readyState });
await mongoose.disconnect();
lines.return?.();
process.stdin.destroy();
