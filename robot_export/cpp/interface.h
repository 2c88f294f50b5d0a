// Patches are raw bytes 0..255, [row][column][channel], upright; scale and mean are inside.
// stride: distance between two rows, in values.
// brightness: added to Y of every pixel, in units of the full range (0.1 adds 25.5), not clamped.
static inline Answer predict(const std::uint8_t* patch, std::ptrdiff_t stride = width * channels, float brightness = 0) {
  return detail::answer(patch, stride, channels, brightness);
}

// Floats are in the same range, 0..255.
static inline Answer predict(const float* patch, std::ptrdiff_t stride = width * channels, float brightness = 0) {
  return detail::answer(patch, stride, channels, brightness);
}

// Patches in any layout: the distances between two rows and between two pixels of a row, in values; the channels of a
// pixel are adjacent. Strides{1, height} is a patch column by column, Strides{5, 5 * height} one of five bytes per pixel.
template <class Pixel> static inline Answer predict(const Pixel* patch, Strides strides, float brightness = 0) {
  return detail::answer(patch, strides.row, strides.pixel, brightness);
}

// A patch that is stored column by column, as on some robots: predict(column_major(data)).
template <class Pixel> struct ColumnMajor {
  const Pixel* data;
};
template <class Pixel> static inline ColumnMajor<Pixel> column_major(const Pixel* data) {
  return ColumnMajor<Pixel>{data};
}

// stride: distance between two columns, in values.
template <class Pixel>
static inline Answer predict(ColumnMajor<Pixel> patch, std::ptrdiff_t stride = height * channels, float brightness = 0) {
  return detail::answer(patch.data, channels, stride, brightness);
}

// Many patches at once; answers [count].
static inline void predict_many(const std::uint8_t* const* patches, std::size_t count, Answer* answers,
                                std::ptrdiff_t stride = width * channels, float brightness = 0) {
  for (std::size_t i = 0; i < count; ++i) answers[i] = predict(patches[i], stride, brightness);
}
