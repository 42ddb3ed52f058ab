// Models that use what LibreChat's do not, and each feature by itself.
export function createModels(mongoose) {
  const { Schema } = mongoose;
  const make = (name, definition, options) => mongoose.models[name] ?? mongoose.model(name, new Schema(definition, options));

  make('Kinds', {
    text: String,
    number: Number,
    flag: Boolean,
    when: Date,
    id: Schema.Types.ObjectId,
    any: Schema.Types.Mixed,
    bytes: Buffer,
    exact: Schema.Types.Decimal128,
    big: BigInt,
    double: Schema.Types.Double,
    int: Schema.Types.Int32,
    unique: Schema.Types.UUID,
    texts: [String],
    numbers: [Number],
    flags: [Boolean],
    dates: [Date],
    ids: [Schema.Types.ObjectId],
    anything: [],
    tables: [[Number]],
    byName: { type: Map, of: Number },
    partsByName: { type: Map, of: new Schema({ size: { type: Number, min: 1 } }, { _id: false }) },
    nested: { text: String, deeper: { number: Number, list: [String] } },
    part: new Schema({ text: { type: String, required: true }, number: Number }),
    parts: [new Schema({ text: { type: String, trim: true }, number: { type: Number, max: 9 }, inner: { flag: Boolean } })],
  });
  make('Defaults', {
    _id: String,
    text: { type: String, default: 'text' },
    late: { type: String, default: () => 'late' },
    uuid: { type: String, default: () => crypto.randomUUID() },
    now: { type: Date, default: Date.now },
    nothing: { type: Number, default: null },
    list: { type: [String], default: ['a', 'b'] },
    none: { type: [String], default: undefined },
    any: { type: Schema.Types.Mixed, default: {} },
    nested: { number: { type: Number, default: 3 }, text: String, late: { type: Number, default: () => 4 } },
    part: { type: new Schema({ flag: { type: Boolean, default: true } }), default: {} },
    parts: [new Schema({ flag: { type: Boolean, default: true }, when: { type: Date, default: Date.now } }, { _id: false })],
    byName: { type: Map, of: String, default: {} },
  });
  make('Limits', {
    required: { type: String, required: true },
    told: { type: Number, required: [true, 'how many?'] },
    kind: { type: String, enum: ['one', 'two'], uppercase: false },
    level: { type: Number, enum: [1, 2], min: 0, max: [5, 'too much'] },
    short: { type: String, minLength: 2, maxLength: 4 },
    code: { type: String, match: /^[a-z]+\d$/, lowercase: true, trim: true },
    loud: { type: String, uppercase: true },
    since: { type: Date, min: new Date('2020-01-01'), max: new Date('2024-01-01') },
    list: { type: [String], required: true },
    kinds: [{ type: String, enum: ['one', 'two'] }],
    flag: { type: Boolean, required: true, default: false },
    nested: { needed: { type: Number, required: true } },
    fixed: { type: String, immutable: true },
    hidden: { type: String, select: false },
  }, { timestamps: true });
  make('Loose', { text: String, nested: { number: Number } }, { strict: false, minimize: false, versionKey: false });
  make('Throwing', { text: String, nested: { number: Number } }, { strict: 'throw' });
  make('Watched', { text: String, list: [String], owner: { type: Schema.Types.ObjectId, ref: 'Limits' } }, { optimisticConcurrency: true, timestamps: { createdAt: 'made', updatedAt: false }, versionKey: 'version' });
  make('Stamped', { text: String, parts: [new Schema({ text: String }, { timestamps: true })], part: new Schema({ text: String }, { timestamps: { updatedAt: 'changed' } }) }, { timestamps: true });
  const event = make('Event', { at: Date, owners: [{ type: Schema.Types.ObjectId, ref: 'Limits' }] }, { discriminatorKey: 'kind' });
  if (!mongoose.models.Click) event.discriminator('Click', new Schema({ x: { type: Number, required: true } }));
  if (!mongoose.models.Press) event.discriminator('Press', new Schema({ key: String, times: { type: Number, default: 1 } }), 'pressed');
  return mongoose.models;
}
