// The patch as the first convolution wants it. Tile X of a row needs the columns 2X-1, 2X, 2X+1, 2X+2 and the rows
// likewise, so there are four arrays per channel, one for each of these columns, with even and odd rows apart:
// [channel][column 0..3][row parity][row pair][tile]. Tiles of consecutive rows are then consecutive in memory, and
// vectors of any width load them. Row -1 is the first, so that it is even. What lies outside the patch is 0, after
// scale and mean, as in training.
template <int Side> struct Spread {
  static constexpr int tiles = Side / 2, plane = (tiles + 1) * tiles, channel = 8 * plane;
  static inline int row(int y) { return ((y + 1) & 1) * plane + ((y + 1) >> 1) * tiles; }
};

// After the pixels: what is stored beside its row below is overwritten here.
template <int Side> static inline void clear_outside(float* out) {
  typedef Spread<Side> S;
  for (int column = 0; column < 4; ++column) {
    float* const p = out + column * 2 * S::plane;
    for (int x = 0; x < S::tiles; x += 4) {
      store(p + S::row(-1) + x, f4::all(0.0f));
      store(p + S::row(Side) + x, f4::all(0.0f));
    }
  }
  for (int y = 0; y < Side; ++y) {
    out[S::row(y)] = 0.0f;
    out[6 * S::plane + S::row(y) + S::tiles - 1] = 0.0f;
  }
}

// Any pixels: `rows` and `columns` are the distances of neighbours in memory, shift is added to every value.
template <int Side, int Channels, class Pixel>
static inline void spread_pixels(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const float* add,
                                 float* out) {
  typedef Spread<Side> S;
  for (int channel = 0; channel < Channels; ++channel, ++patch, out += S::channel) {
    for (int y = 0; y < Side; ++y) {
      const Pixel* p = patch + y * rows;
      float* const q = out + S::row(y);
      for (int x = 0; x < S::tiles; ++x, p += 2 * columns) {
        const float even = static_cast<float>(p[0]) + add[channel], odd = static_cast<float>(p[columns]) + add[channel];
        q[2 * S::plane + x] = even;
        if (x > 0) q[6 * S::plane + x - 1] = even;
        q[4 * S::plane + x] = odd;
        if (x < S::tiles - 1) q[x + 1] = odd;
      }
    }
    clear_outside<Side>(out);
  }
}

template <int Side, int Channels>
BALL_INLINE void spread_patch(const float* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const float* add,
                              float* out) {
  spread_pixels<Side, Channels>(patch, rows, columns, add, out);
}

#if defined(BALL_BYTES)
// Four tiles' worth of a row, eight pixels, per step.
template <int Side, int Channels>
static inline void spread_rows(const std::uint8_t* patch, std::ptrdiff_t rows, const float* add, float* out) {
  typedef Spread<Side> S;
  for (int channel = 0; channel < Channels; ++channel, out += S::channel) {
    const f4 shift4 = f4::all(add[channel]);
    const int even = channel, odd = Channels + channel;
    const bytes even4 = picker(even, 2 * Channels), odd4 = picker(odd, 2 * Channels);
    for (int y = 0; y < Side; ++y) {
      float* q = out + S::row(y);
      for (int x = 0; x < S::tiles; x += 4, q += 4) {
        const bytes pixels = load_bytes<8 * Channels>(patch + y * rows + 2 * x * Channels);
        const f4 e = picked(pixels, even4) + shift4, o = picked(pixels, odd4) + shift4;
        store(q + 2 * S::plane, e);
        store_anywhere(q + 6 * S::plane - 1, e);
        store(q + 4 * S::plane, o);
        store_anywhere(q + 1, o);
      }
    }
    clear_outside<Side>(out);
  }
}

// Turns columns into rows, blocks of 16x16 bytes.
template <int Side> static inline void turn(const std::uint8_t* patch, std::ptrdiff_t columns, std::uint8_t* out) {
  for (int x = 0; x < Side; x += 16) {
    for (int y = 0; y < Side; y += 16) {
      bytes a[16], b[16];
      for (int i = 0; i < 16; ++i) a[i] = load_bytes<16>(patch + (x + i) * columns + y);
      for (int round = 0; round < 2; ++round) {  // each step moves one bit of the column's number to the row's
        for (int i = 0; i < 8; ++i) zip(a[i], a[i + 8], b[2 * i], b[2 * i + 1]);
        for (int i = 0; i < 8; ++i) zip(b[i], b[i + 8], a[2 * i], a[2 * i + 1]);
      }
      for (int i = 0; i < 16; ++i) store_bytes(out + (y + i) * Side + x, a[i]);
    }
  }
}

template <int Side, int Channels>
BALL_INLINE void spread_patch(const std::uint8_t* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const float* add,
                              float* out) {
  if (columns == Channels) {
    spread_rows<Side, Channels>(patch, rows, add, out);
  } else if (Channels == 1 && rows == 1) {
    alignas(16) std::uint8_t turned[static_cast<std::size_t>(Side * Side)];
    turn<Side>(patch, columns, turned);
    spread_rows<Side, 1>(turned, Side, add, out);
  } else {
    spread_pixels<Side, Channels>(patch, rows, columns, add, out);
  }
}
#else
template <int Side, int Channels>
BALL_INLINE void spread_patch(const std::uint8_t* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, const float* add,
                              float* out) {
  spread_pixels<Side, Channels>(patch, rows, columns, add, out);
}
#endif

template <int Side, int Channels, class Pixel>
BALL_INLINE void spread(const Pixel* patch, std::ptrdiff_t rows, std::ptrdiff_t columns, float brightness, float* out) {
  float add[static_cast<std::size_t>(Channels)];
  for (int channel = 0; channel < Channels; ++channel) add[channel] = shift[channel];
  add[0] += 255.0f * brightness;  // a matter of Y
  spread_patch<Side, Channels>(patch, rows, columns, add, out);
}
