// node librechat.mjs <i>/<n> <uri>: every n-th model of LibreChat, beginning at the i-th, from the application's own package.
import mongoose from 'mongoose';
import { live } from './librechat/life.mjs';
import { Transcript } from './transcript.mjs';

process.env.LOG_TO_FILE = 'false';
const { createModels } = await import('@librechat/data-schemas');

const [share, uri] = process.argv.slice(2);
const [first, step] = share.split('/').map(Number);
const transcript = new Transcript();
const saw = { note: transcript.note.bind(transcript), attempt: transcript.attempt.bind(transcript) };

await mongoose.connect(uri, { autoIndex: true });
try {
  const models = Object.values(createModels(mongoose));
  await Promise.allSettled(models.map((model) => model.init()));
  saw.note('models', models.length);
  for (const model of models.filter((_, at) => at % step === first)) await live(model, mongoose, saw);
} finally {
  await mongoose.disconnect();
}
process.stdout.write(JSON.stringify({ seen: transcript.seen, unverified: [], maybe: [] }));
