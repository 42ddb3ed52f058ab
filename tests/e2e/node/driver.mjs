// node driver.mjs <program> <uri>: run one program of ./driver with the Node driver, print what it saw.
import * as mongodb from 'mongodb';
import { Transcript } from './transcript.mjs';

const [program, uri] = process.argv.slice(2);
const { default: run, options = {}, unverified = [], maybe = [] } = await import(`./driver/${program}.mjs`);

const transcript = new Transcript();
const saw = {
  note: transcript.note.bind(transcript),
  attempt: transcript.attempt.bind(transcript),
};
const client = new mongodb.MongoClient(uri, options);
await client.connect();
try {
  await run({ mongodb, client, database: client.db(), ...saw });
} finally {
  await client.close();
}
process.stdout.write(JSON.stringify({ seen: transcript.seen, unverified, maybe }));
