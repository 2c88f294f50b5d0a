// Registers and buffers, the same for floats and int16.

// SSE has no cheap way to broadcast from memory: there, factors for tiles in the lanes are stored once per lane.
#if defined(__SSSE3__) && BALL_WIDTH == 4
#define BALL_FACTOR(x) BALL_LANES(x)
#define BALL_REPEAT lanes
#else
#define BALL_FACTOR(x) x
#define BALL_REPEAT 1
#endif
// Whether rows of bytes are loaded as vectors; that code is for little-endian machines.
#if defined(__SSE4_1__) || (defined(__AARCH64EL__) && defined(__ARM_NEON))
#define BALL_BYTES
#endif
template <class V> BALL_INLINE V factor(const Number* p, int i) {
  return BALL_REPEAT > 1 ? V::load(p + BALL_REPEAT * i) : V::all(p[i]);
}

// Tells the compiler, at no cost, that a register has a new value. Without it, GCC computes one sum after the other,
// keeps every broadcast value until the last of them, and runs out of registers.
template <class V> BALL_INLINE V pinned(V a) {
#if defined(__GNUC__) && defined(__SSE2__)
  __asm__("" : "+x"(a.v));
#elif defined(__GNUC__) && defined(__aarch64__) && defined(__ARM_NEON)
  __asm__("" : "+w"(a.v));
#endif
  return a;
}

// The same pointer, hidden from the compiler, so that it cannot load weights too early and spill them.
template <class T> BALL_INLINE const T* opaque(const T* p) {
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}

template <class T> static inline void clear(T* p, int count) {
  for (int i = 0; i < count; i += 4) std::memset(p + i, 0, 4 * sizeof(T));
}

// Zeros around a map [side][side][channels]; `side` counts the border.
template <class T> static inline void clear_border(T* p, int side, int channels) {
  const int row = side * channels;
  clear(p, row);
  clear(p + (side - 1) * row, row);
  for (int y = 1; y < side - 1; ++y) {
    clear(p + y * row, channels);
    clear(p + (y + 1) * row - channels, channels);
  }
}
