// Computes the test patches of model.json and compares the outputs with those of the trained network.
// predict takes raw bytes 0..255; scale and mean are inside. If you subtract a mean before, it is subtracted twice.
// Call this once at start-up: it fails if a build breaks the arithmetic, as -ffast-math may.
// Returns whether every number is within 1e-5 (relative for numbers above 1).
// worst: receives the largest difference; may be null.
static inline bool self_test(float* worst = nullptr) {
  float largest = 0.0f;
  bool right = true;
  for (int i = 0; i < test_count; ++i) {
    float found[outputs];
    detail::numbers(predict(test_patches + i * height * width * channels), found);
    for (int k = 0; k < outputs; ++k) {
      const float wanted = test_answers[i * outputs + k], difference = std::fabs(found[k] - wanted);
      if (!(difference <= 1e-5f * (std::fabs(wanted) > 1.0f ? std::fabs(wanted) : 1.0f))) right = false;
      if (!(difference <= largest)) largest = difference;
    }
  }
  if (worst != nullptr) *worst = largest;
  return right;
}
