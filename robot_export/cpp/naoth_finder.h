// Makes an AbstractCNNFinder of NaoTH from both models. This is a template: copy it, ball_models.h and the headers of the
// models beside Fy1500_Conf.h. Include it only in CNNBallDetector.cpp, and register it there like the others:
//   result.insert({"ball_models", std::make_shared<NaothFinder>()});
#ifndef NAOTH_FINDER_H
#define NAOTH_FINDER_H

#include "AbstractCNNClassifier.h"
#include "ball_models.h"

#include <cstdio>

namespace {

class NaothFinder : public AbstractCNNFinder {
 public:
  // detect_from: below this confidence the detector does not run; use 0 for a finder that also gives radius and centre,
  // and 2, which no confidence reaches, for one that only classifies.
  // own_threshold: if true, getBallConfidence() is scaled so that 0.5 is the threshold chosen in training; if false, it
  // is the plain confidence, for the thresholds in the configuration.
  explicit NaothFinder(float detect_from = 0.0f, bool own_threshold = false)
      : finder_(detect_from), own_threshold_(own_threshold), right_size_(true) {}

  // meanBrightness: 0 leaves the patch as it is, because the mean is inside. It is subtracted, as in the generated
  // classes: 0.1 makes the patch darker, while ball_models.h makes it brighter.
  void predict(const BallCandidates::PatchYUVClassified& patch, double meanBrightness) override {
    right_size_ = static_cast<int>(patch.size()) == ball::size;
    if (!right_size_) {
      const int size = static_cast<int>(patch.size());
      std::fprintf(stderr, "NaothFinder: a patch has %d rows, but the models take %d\n", size, ball::size);
      return;
    }
    // data[size * x + y]: neighbouring rows are one pixel apart, neighbouring columns `size` pixels.
    const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(sizeof patch.data[0]);
    const ball::Patch where = {&patch.data[0].pixel.y, pixel, pixel * ball::size};
    finder_.predict(where, static_cast<float>(-meanBrightness));
  }

  double getRadius() const override { return static_cast<double>(finder_.getRadius()); }  // fractions of the patch
  Vector2d getCenter() const override {
    const ball::Center center = finder_.getCenter();
    return Vector2d(static_cast<double>(center.x), static_cast<double>(center.y));
  }
  double getBallConfidence() const override {
    if (!right_size_) return 0.0;
    const double confidence = static_cast<double>(finder_.getBallConfidence());
    if (!own_threshold_) return confidence;
    const double threshold = static_cast<double>(ball::classifier::threshold), rest = 1.0 - threshold;
    if (confidence < threshold) return 0.5 * confidence / threshold;
    return rest > 0.0 ? 0.5 + 0.5 * (confidence - threshold) / rest : 1.0;
  }
  bool isBall() const { return right_size_ && finder_.isBall(); }  // by the threshold chosen in training

 private:
  ball::Finder finder_;
  bool own_threshold_, right_size_;
};

}  // namespace
#endif
