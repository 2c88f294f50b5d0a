// The patch as the first convolution wants it. Tile X of a row needs the columns 2X-1, 2X, 2X+1, 2X+2 and the rows
// likewise, so there are four arrays per channel, one for each of these columns, with even and odd rows apart:
// [channel][column 0..3][row parity][row pair][tile]. Tiles of consecutive rows are then consecutive in memory, and
// vectors of any width load them. Row -1 is the first, so that it is even. What lies outside the patch is 0, after
// scale and mean, as in training.
template <int Side> struct Spread {
  enum { tiles = Side / 2, plane = (tiles + 1) * tiles, channel = 8 * plane };
  static inline int row(int y) { return ((y + 1) & 1) * plane + ((y + 1) >> 1) * tiles; }
};

template <int Side> static inline void clear_outside(float* out) {
  typedef Spread<Side> S;
  for (int column = 0; column < 4; ++column) {
    float* const p = out + column * 2 * S::plane;
    for (int x = 0; x < S::tiles; ++x) p[S::row(-1) + x] = p[S::row(Side) + x] = 0.0f;
  }
  for (int y = 0; y < Side; ++y) {
    out[S::row(y)] = 0.0f;
    out[6 * S::plane + S::row(y) + S::tiles - 1] = 0.0f;
  }
}

// Any pixels: `rows` and `columns` are the distances of neighbours in memory, shift is added to every value.
template <int Side, class Pixel>
static inline void spread_channel(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float shift, float* out) {
  typedef Spread<Side> S;
  for (int y = 0; y < Side; ++y) {
    const Pixel* p = patch + y * rows;
    float* const q = out + S::row(y);
    for (int x = 0; x < S::tiles; ++x, p += 2 * columns) {
      const float even = static_cast<float>(p[0]) + shift, odd = static_cast<float>(p[columns]) + shift;
      q[2 * S::plane + x] = even;
      if (x > 0) q[6 * S::plane + x - 1] = even;
      q[4 * S::plane + x] = odd;
      if (x < S::tiles - 1) q[x + 1] = odd;
    }
  }
  clear_outside<Side>(out);
}

template <int Side, int Channels, class Pixel>
static inline void spread(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float brightness, float* out) {
  for (int channel = 0; channel < Channels; ++channel) {
    const float add = shift[channel] + (channel == 0 ? 255.0f * brightness : 0.0f);  // brightness is a matter of Y
    spread_channel<Side>(patch + channel, rows, columns, add, out + channel * Spread<Side>::channel);
  }
}
