using System.Text.Json;

namespace Chorus.Domain.Calls;

// The facts of a call's stream, in the order in which a call lives them. A fact is never changed once it has been
// stored: a new need is a new optional field or a new event. Money is in the organization's currency, time is UTC.

/// <summary>A call was accepted: its slot is taken and its hold is set aside. Nothing has been dialled.</summary>
/// <param name="Provider">The carrier of the phone number, for example <c>twilio</c>.</param>
/// <param name="From">Caller id, E.164.</param>
/// <param name="To">Callee, E.164.</param>
/// <param name="RatePerMinute">Price of one minute that the callee is on the line.</param>
/// <param name="Hold">The most the call can cost; set aside until it is charged.</param>
/// <param name="MaxDurationSeconds">Longest conversation, from answered to ended.</param>
/// <param name="RequestHash">Tells the canonical request from others, to who holds the callee's key; present when an idempotency key named the call.</param>
/// <param name="TraceParent">W3C trace context of the request (https://www.w3.org/TR/trace-context/).</param>
/// <param name="CalleeId">Stands for the callee's number where the number itself does not belong; means nothing once the callee is erased.</param>
/// <param name="ParentCalleeId">The same for who is handed over, if this is a leg to a human.</param>
public sealed record CallRequested(
    Guid CallId, Guid OrganizationId, Guid AgentId, Guid PhoneNumberId, string Provider, string From, string To,
    JsonElement ContextVariables, JsonElement Metadata, decimal RatePerMinute, decimal Hold, int MaxDurationSeconds,
    DateTimeOffset At, string? RequestHash = null, string? TraceParent = null,
    Guid? ParentCallId = null, TransferType? TransferType = null, Guid? CalleeId = null, Guid? ParentCalleeId = null);

/// <summary>One worker owns the dial. Committed before anything leaves the process; there is never a second one for an attempt.</summary>
/// <param name="Attempt">1 for the first dial; a further one exists only where the one before certainly never reached the carrier.</param>
/// <param name="Node">The worker that claimed it.</param>
/// <param name="RingTimeoutSeconds">How long the carrier was told to let it ring.</param>
public sealed record DialClaimed(int Attempt, string Node, DateTimeOffset At, int RingTimeoutSeconds = 40);

/// <summary>The dial certainly never reached the network: the carrier could not be reached, or asked for patience. It may be dialled again, as a further attempt.</summary>
/// <param name="Attempt">The attempt that was not placed.</param>
/// <param name="CarrierCode">The carrier's raw code, for example <c>twilio:20429</c>, or what went wrong on the way.</param>
/// <param name="Until">Not before.</param>
public sealed record DialPutOff(int Attempt, string CarrierCode, DateTimeOffset Until, DateTimeOffset At);

/// <summary>The carrier has the call.</summary>
/// <param name="CallSid">The carrier's own id of the leg.</param>
public sealed record CallPlaced(int Attempt, string CallSid, DateTimeOffset At);

/// <summary>The carrier did not answer the dial; it may have placed the call. It is looked for, never repeated.</summary>
/// <param name="Detail">What went wrong between here and the carrier, without personal data.</param>
public sealed record DialAnswerLost(int Attempt, string Detail, DateTimeOffset At);

/// <summary>The callee's telephone rings.</summary>
public sealed record CallRinging(DateTimeOffset At);

/// <summary>The callee answered.</summary>
/// <param name="At">When; the paid time begins here.</param>
public sealed record CallStarted(DateTimeOffset At);

/// <summary>The agent's text was made ready for this call.</summary>
/// <param name="MissingVariables">Names the agent's text uses and the call does not give; they were left out.</param>
public sealed record ConversationOpened(IReadOnlyList<string> MissingVariables, DateTimeOffset At);

/// <summary>Something was said, and heard to this extent.</summary>
/// <param name="Content">What was really said: what an interruption cut off is not in it.</param>
/// <param name="Interrupted">The other side cut it off.</param>
public sealed record TurnSpoken(Role Role, string Content, bool Interrupted, DateTimeOffset At);

/// <summary>The carrier's answering machine detection has decided who answered.</summary>
/// <param name="AnsweredBy">The carrier's word: <c>human</c>, <c>machine_start</c>, <c>machine_end_beep</c>, <c>fax</c>, <c>unknown</c> and the like.</param>
public sealed record AnsweredByReported(string AnsweredBy, DateTimeOffset At);

/// <summary>The agent's message is being spoken to a machine.</summary>
public sealed record MessageBegun(DateTimeOffset At);

/// <summary>The agent is about to ask a service of its organization for something. Stored before the request leaves, so that it is never asked twice.</summary>
/// <param name="Id">Tells this request from others.</param>
/// <param name="Tool">The tool's name.</param>
/// <param name="Arguments">What the model gave, as it is sent.</param>
public sealed record ToolAsked(Guid Id, string Tool, JsonElement Arguments, DateTimeOffset At);

/// <summary>What came of it.</summary>
/// <param name="Tool">The tool's name.</param>
/// <param name="Arguments">What the model gave, as it was sent.</param>
/// <param name="HttpStatus">The service's answer; null if none came.</param>
/// <param name="Result">What the model was told, cut at 4 KB.</param>
/// <param name="Milliseconds">From the request to its answer or its failure.</param>
/// <param name="Id">Of the <see cref="ToolAsked"/>; null in calls from before there was that.</param>
public sealed record ToolCalled(string Tool, JsonElement Arguments, int? HttpStatus, string Result, int Milliseconds, DateTimeOffset At, Guid? Id = null);

/// <summary>The callee pressed a key.</summary>
/// <param name="Digit"><c>0</c>-<c>9</c>, <c>*</c>, <c>#</c>, <c>A</c>-<c>D</c>.</param>
public sealed record KeyPressed(string Digit, DateTimeOffset At);

/// <summary>Somebody on our side wants the call to end. Stored before the carrier is asked.</summary>
/// <param name="Reason">Becomes the ending's reason unless the callee was faster.</param>
public sealed record HangupRequested(EndedReason Reason, DateTimeOffset At);

/// <summary>The call is over and its slot is free. Nothing moves it out of here.</summary>
/// <param name="Party">Who brought it about.</param>
/// <param name="Stage">The status it ended from.</param>
/// <param name="CarrierCode">The carrier's raw code, for example <c>sip:486</c> or <c>twilio:21211</c>.</param>
/// <param name="DurationSeconds">Answered to ended; 0 if it was not answered.</param>
public sealed record CallEnded(
    CallStatus Status, EndedReason Reason, Party Party, CallStatus Stage, string? CarrierCode, int DurationSeconds, DateTimeOffset At);

/// <summary>The call was priced and its hold released; follows <see cref="CallEnded"/> in the same transaction.</summary>
/// <param name="Amount">The charge, never more than the hold.</param>
/// <param name="Released">The hold that was given back.</param>
public sealed record CallCharged(decimal Amount, decimal Released, DateTimeOffset At);

/// <summary>The carrier reported a leg of this call that the call does not own, or that outlived it; it was hung up.</summary>
public sealed record StrayLegReported(string CallSid, string CarrierStatus, DateTimeOffset At);

/// <summary>One entry of a transcript.</summary>
public sealed record TranscriptEntry(Role Role, string Content);
