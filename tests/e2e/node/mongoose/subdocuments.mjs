// Subdocuments and arrays of them keep their own _ids, are changed in place and validated on their own.
export default async ({ mongoose, Schema, note, attempt }) => {
  const address = new Schema({ city: { type: String, required: true }, zip: String }, { _id: false });
  const comment = new Schema({ text: { type: String, required: true }, likes: { type: Number, default: 0 } });
  const Post = mongoose.model('Post', new Schema({ title: String, from: address, comments: [comment], nested: { deep: { list: [Number] } } }));

  const post = await Post.create({ title: 't', from: { city: 'Rome' }, comments: [{ text: 'one' }, { text: 'two' }] });
  note('created', post);
  post.comments.push({ text: 'three' });
  post.comments[0].likes += 1;
  post.comments.id(post.comments[1]._id).text = 'TWO';
  post.nested.deep.list.push(1, 2, 3);
  note('saved', await post.save());
  post.comments.pull(post.comments[0]._id);
  post.from.zip = '00100';
  note('pulled', await post.save());
  post.comments[0].text = undefined;
  await attempt('invalid', () => post.save());
  note('found by a field of a subdocument', await Post.findOne({ 'comments.text': 'three', 'from.city': 'Rome' }).lean());
  note('elemMatch', await Post.find({ comments: { $elemMatch: { text: 'TWO', likes: 0 } } }, { comments: { $elemMatch: { text: 'TWO' } } }).lean());
  note('whole subdocument', await Post.countDocuments({ from: { city: 'Rome', zip: '00100' } }));
  note('other order', await Post.countDocuments({ from: { zip: '00100', city: 'Rome' } }));

  const again = await Post.findById(post._id);
  again.comments = [];
  again.from = undefined;
  note('emptied', await again.save());
  note('as stored', await Post.findById(post._id).lean());
};
