import ArgumentParser
import Mullama
import Testing
import mullama

@Suite struct OptionTests {
  @Test func samplingDefaultsAreTheLibrarys() throws {
    #expect(try SamplingArguments.parse([]).options == SamplingOptions())
  }

  @Test func everySamplingOptionArrives() throws {
    let options = try SamplingArguments.parse([
      "--temperature", "0.1", "--top-k", "7", "--top-p", "0.2", "--min-p", "0.3", "--repeat-penalty", "1.4",
      "--frequency-penalty", "-0.5", "--presence-penalty", "0.6", "--seed", "18446744073709551615",
      "--logit-bias", "5=-1.5",
      "--logit-bias=6=-inf",
    ]).options
    let expected = SamplingOptions(
      temperature: 0.1, topK: 7, topP: 0.2, minP: 0.3, repetitionPenalty: 1.4, frequencyPenalty: -0.5,
      presencePenalty: 0.6, seed: .max, logitBias: [5: -1.5, 6: -.infinity])
    #expect(options == expected)
  }

  @Test(arguments: [
    ["--temperature", "-1"], ["--temperature", "nan"], ["--top-k", "-1"], ["--top-p", "1.5"],
    ["--min-p", "x"],
    ["--repeat-penalty", "0"], ["--seed", "-1"], ["--logit-bias", "5"], ["--logit-bias", "a=1"],
    ["--logit-bias", "-1=1"], ["--logit-bias", "5=nan"], ["--logit-bias", "5=inf"],
  ])
  func valuesOutOfRangeAreUsageErrors(arguments: [String]) {
    do {
      _ = try SamplingArguments.parse(arguments)
      Issue.record("accepted \(arguments)")
    } catch {
      #expect(SamplingArguments.exitCode(for: error) == .validationFailure)
    }
  }

  @Test func tokenLists() {
    #expect(TokenList(argument: "1,2, 3")?.tokens == [1, 2, 3])
    for text in ["", "1,", "1,,2", "-1", "x", "99999999999"] {
      #expect(TokenList(argument: text) == nil, "\(text)")
    }
  }

  @Test func batchLists() {
    #expect(BatchList(argument: "8")?.values == [8])
    #expect(BatchList(argument: "8,1,256")?.values == [8, 1, 256])
    for text in ["", "1,", "0", "257", "-1", "2,2", "x", "1 2"] {
      #expect(BatchList(argument: text) == nil, "\(text)")
    }
  }
}
