// Patches are raw bytes 0..255, [row][column][channel], upright; scale and mean are inside.
// stride: distance of two rows, in pixels' values.
// brightness: added to Y of every pixel, in units of the full range (0.1 adds 25.5), not clamped.
static inline Answer predict(const std::uint8_t* patch, std::ptrdiff_t stride = width * channels, float brightness = 0) {
  return detail::answer(patch, stride, channels, brightness);
}

// Floats are in the same range, 0..255.
static inline Answer predict(const float* patch, std::ptrdiff_t stride = width * channels, float brightness = 0) {
  return detail::answer(patch, stride, channels, brightness);
}

// Patches that lie anywhere: the distances of two rows and of two pixels of a row, in values; a pixel's channels lie
// together. Strides{1, height} is a patch column after column, Strides{5, 5 * height} one of five bytes per pixel.
template <class Pixel> static inline Answer predict(const Pixel* patch, Strides strides, float brightness = 0) {
  return detail::answer(patch, strides.row, strides.pixel, brightness);
}

// A patch that is stored column after column, as the robot keeps it: predict(column_major(data)).
template <class Pixel> struct ColumnMajor {
  const Pixel* data;
};
template <class Pixel> static inline ColumnMajor<Pixel> column_major(const Pixel* data) {
  return ColumnMajor<Pixel>{data};
}

// stride: distance of two columns.
template <class Pixel>
static inline Answer predict(ColumnMajor<Pixel> patch, std::ptrdiff_t stride = height * channels, float brightness = 0) {
  return detail::answer(patch.data, channels, stride, brightness);
}

// Many patches at once; answers [count].
static inline void predict_many(const std::uint8_t* const* patches, std::size_t count, Answer* answers,
                                std::ptrdiff_t stride = width * channels, float brightness = 0) {
  for (std::size_t i = 0; i < count; ++i) answers[i] = predict(patches[i], stride, brightness);
}
