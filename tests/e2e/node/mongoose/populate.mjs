// References are followed by further finds: single, in arrays, through virtuals, nested, with a filter.
export default async ({ mongoose, Schema, note }) => {
  const authorSchema = new Schema({ name: String, mentor: { type: Schema.Types.ObjectId, ref: 'Author' } }, { toObject: { virtuals: true }, id: false });
  authorSchema.virtual('books', { ref: 'Book', localField: '_id', foreignField: 'authors', options: { sort: { title: 1 } } });
  authorSchema.virtual('bookCount', { ref: 'Book', localField: '_id', foreignField: 'authors', count: true });
  const Author = mongoose.model('Author', authorSchema);
  const Book = mongoose.model('Book', new Schema({ title: String, authors: [{ type: Schema.Types.ObjectId, ref: 'Author' }], pages: Number }));

  const ann = await Author.create({ name: 'ann' });
  const bob = await Author.create({ name: 'bob', mentor: ann._id });
  const gone = new mongoose.Types.ObjectId();
  await Book.create([{ title: 'x', authors: [ann, bob], pages: 5 }, { title: 'y', authors: [bob, gone], pages: 50 }], { ordered: true });

  note('array', await Book.find().sort('title').populate('authors'));
  note('some fields, lean', await Book.find().sort('title').populate({ path: 'authors', select: 'name -_id' }).lean());
  note('match', await Book.find().sort('title').populate({ path: 'authors', match: { name: /^a/ } }).lean());
  note('nested', await Book.findOne({ title: 'y' }).populate({ path: 'authors', populate: { path: 'mentor' } }).lean());
  note('virtual', await Author.find().sort('name').populate('books').populate('bookCount'));
  note('limited', await Author.find().sort('name').populate({ path: 'books', perDocumentLimit: 1, options: { sort: { pages: -1 } } }).lean());
  const book = await Book.findOne({ title: 'x' });
  await book.populate('authors');
  note('later', book);
  note('depopulated', book.depopulate('authors'));
};
