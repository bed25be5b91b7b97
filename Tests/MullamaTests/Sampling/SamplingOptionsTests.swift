import Mullama
import Testing

struct SamplingOptionsTests {
  @Test(arguments: [
    SamplingOptions(), .greedy, SamplingOptions(temperature: 100, topK: 0, topP: 0, minP: 1),
    SamplingOptions(topK: .max, topP: 1, minP: 0, penaltyWindow: -1),
    SamplingOptions(repetitionPenalty: 0.5, frequencyPenalty: -2, presencePenalty: 2, penaltyWindow: 0),
    SamplingOptions(logitBias: [0: -.infinity, 1: 100]),
  ])
  func acceptsTheWholeRange(options: SamplingOptions) throws {
    try options.validate()
    _ = try Sampler(options, vocabularyCount: 10)
  }

  @Test(arguments: [
    ("temperature", SamplingOptions(temperature: -0.1)), ("temperature", SamplingOptions(temperature: .nan)),
    ("temperature", SamplingOptions(temperature: .infinity)), ("topK", SamplingOptions(topK: -1)),
    ("topP", SamplingOptions(topP: 1.01)), ("topP", SamplingOptions(topP: -0.01)),
    ("topP", SamplingOptions(topP: .nan)), ("minP", SamplingOptions(minP: 1.01)),
    ("minP", SamplingOptions(minP: .nan)), ("repetitionPenalty", SamplingOptions(repetitionPenalty: 0)),
    ("repetitionPenalty", SamplingOptions(repetitionPenalty: .infinity)),
    ("repetitionPenalty", SamplingOptions(repetitionPenalty: .nan)),
    ("frequencyPenalty", SamplingOptions(frequencyPenalty: .nan)),
    ("frequencyPenalty", SamplingOptions(frequencyPenalty: 101)),
    ("presencePenalty", SamplingOptions(presencePenalty: -.infinity)),
    ("penaltyWindow", SamplingOptions(penaltyWindow: -2)),
    ("penaltyWindow", SamplingOptions(penaltyWindow: .max)),
    ("logitBias[7]", SamplingOptions(logitBias: [7: .nan])),
    ("logitBias[7]", SamplingOptions(logitBias: [7: .infinity])),
  ])
  func refusesWhatIsOutsideItsRange(option: String, options: SamplingOptions) {
    let error = #expect(throws: SamplingError.self) { try options.validate() }
    guard let error, case .outOfRange(let named, let found, let expected) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(named == option)
    #expect("\(error)" == "sampling option \(option) is \(found); give \(expected)")
    #expect(throws: error) { _ = try Sampler(options, vocabularyCount: 10) }
  }

  @Test(arguments: [-1, 10, Int32.max, Int32.min])
  func refusesABiasForATokenThatTheVocabularyLacks(token: Int32) {
    #expect(throws: SamplingError.unknownToken(token: token, vocabularyCount: 10)) {
      _ = try Sampler(SamplingOptions(logitBias: [3: 1, token: 1]), vocabularyCount: 10)
    }
  }
}
