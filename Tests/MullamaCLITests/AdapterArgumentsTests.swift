import ArgumentParser
import Testing
import mullama

@Suite struct AdapterArgumentsTests {
  private func choices(_ arguments: [String]) throws -> [String] {
    try AdapterArguments.parse(AdapterArguments.pairingScales(arguments)).choices.map {
      "\($0.path)@\($0.scale)"
    }
  }

  @Test(arguments: [
    (["--lora", "a"], ["a@1.0"]),
    (["--lora", "a", "--lora-scale", "0.5"], ["a@0.5"]),
    (["--lora=a", "--lora-scale=0.5"], ["a@0.5"]),
    (["--lora", "a", "--lora", "b", "--lora-scale", "2"], ["a@1.0", "b@2.0"]),
    (["--lora", "a", "--lora-scale", "2", "--lora", "b"], ["a@2.0", "b@1.0"]),
    (["--lora=a", "--lora-scale", "-0.6", "--lora", "b", "--lora-scale=1e-1"], ["a@-0.6", "b@0.1"]),
    (["--lora", "a", "--lora", "a", "--lora-scale", "0"], ["a@1.0", "a@0.0"]),
    (["--lora=1:2", "--lora-scale=3"], ["1:2@3.0"]),
    ([], []),
  ])
  func aScaleBelongsToTheAdapterBeforeIt(arguments: [String], expected: [String]) throws {
    #expect(try choices(arguments) == expected)
  }

  @Test(arguments: [
    (["--lora-scale", "1", "--lora", "a"], "before any --lora"),
    (["--lora-scale=1"], "before any --lora"),
    (["--lora", "a", "--lora-scale", "1", "--lora-scale", "2"], "two scales"),
    (["--lora", "a", "--lora-scale", "x"], "'x' of --lora-scale is not a finite number"),
    (["--lora", "a", "--lora-scale", "inf"], "not a finite number"),
    (["--lora", "a", "--lora-scale", "nan"], "not a finite number"),
    (["--lora", "a", "--lora-scale="], "not a finite number"),
    (["--lora", "a", "--lora-scale"], "Missing value"),
    (["--lora"], "Missing value"),
    (["--lora", "--lora-scale", "1"], "Missing value"),
  ])
  func misplacedAndBadScalesAreRefused(arguments: [String], message: String) throws {
    do {
      let found = try choices(arguments)
      Issue.record("accepted as \(found)")
    } catch {
      #expect(AdapterArguments.message(for: error).contains(message))
      #expect(AdapterArguments.exitCode(for: error) == .validationFailure)
    }
  }

  @Test func whatFollowsTheTerminatorIsLeftAlone() {
    let arguments = ["run", "m", "--lora", "a", "--", "--lora-scale", "2", "--lora=b"]
    #expect(AdapterArguments.pairingScales(arguments) == arguments)
  }
}
