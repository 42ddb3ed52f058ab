// node mongoose.mjs <8|9> <program> <uri>: run one program of ./mongoose with a version of Mongoose, print what it saw.
import { Transcript } from './transcript.mjs';

const [version, program, uri] = process.argv.slice(2);
const { default: mongoose } = await import(`mongoose${version}`);
const { default: run, options = {}, unverified = [], maybe = [] } = await import(`./mongoose/${program}.mjs`);

const transcript = new Transcript();
const saw = {
  note: transcript.note.bind(transcript),
  attempt: transcript.attempt.bind(transcript),
};
await mongoose.connect(uri, options);
try {
  await run({ mongoose, connection: mongoose.connection, Schema: mongoose.Schema, version: Number(version), ...saw });
  // Collections and indexes that are still being made would stay without an answer.
  await Promise.allSettled(Object.values(mongoose.models).map((model) => model.init()));
} finally {
  await mongoose.disconnect();
}
process.stdout.write(JSON.stringify({ seen: transcript.seen, unverified, maybe }));
