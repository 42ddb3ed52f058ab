// Several models in one collection, and several shapes in one array.
export default async ({ mongoose, Schema, note, attempt }) => {
  const Event = mongoose.model('Event', new Schema({ at: Number }, { discriminatorKey: 'kind' }));
  const Click = Event.discriminator('Click', new Schema({ target: { type: String, required: true } }));
  const Sale = Event.discriminator('Sale', new Schema({ price: { type: Number, default: 1 } }), 'sold');
  await Event.create({ at: 0 });
  await Click.create({ at: 1, target: 'button' });
  await Sale.create([{ at: 2 }, { at: 3, price: 10 }], { ordered: true });
  await attempt('required', () => Click.create({ at: 4 }));
  note('all', (await Event.find().sort('at')).map((one) => [one.constructor.modelName, one.toObject()]));
  note('one kind', await Sale.find().sort('-at').lean());
  note('counts', [await Event.countDocuments(), await Click.countDocuments(), await Sale.countDocuments({ price: { $gt: 5 } })]);
  note('updateMany', await Sale.updateMany({}, { $inc: { price: 1 } }));
  note('findOneAndUpdate', await Event.findOneAndUpdate({ kind: 'Click' }, { target: 'link' }, { returnDocument: 'after' }));
  note('aggregate', await Sale.aggregate([{ $group: { _id: '$kind', sum: { $sum: '$price' } } }]));
  note('through the base', await Event.create({ kind: 'Click', at: 5, target: 't' }));

  const shape = new Schema({ name: String }, { discriminatorKey: 'type', _id: false });
  const drawing = new Schema({ shapes: [shape] });
  drawing.path('shapes').discriminator('Circle', new Schema({ radius: Number }, { _id: false }));
  drawing.path('shapes').discriminator('Square', new Schema({ side: Number }, { _id: false }));
  const Drawing = mongoose.model('Drawing', drawing);
  note('embedded', await Drawing.create({ shapes: [{ type: 'Circle', name: 'c', radius: 2 }, { type: 'Square', side: 3, radius: 9 }] }));
  note('found', await Drawing.find({ 'shapes.radius': 2 }).lean());
  note('deleted', await Event.deleteMany({ kind: { $in: ['Click', 'sold'] } }));
};
