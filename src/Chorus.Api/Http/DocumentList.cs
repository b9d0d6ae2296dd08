using Chorus.Store;
using Marten;
using Marten.Linq;

namespace Chorus.Api.Http;

/// <summary>A page of an organization's documents, shown as the public API shows them.</summary>
public static class DocumentList
{
    public static async Task<IResult> Of<TDocument, TView>(
        HttpContext http, IDocumentStore store, Func<IQueryable<TDocument>, IQueryable<TDocument>> order, Func<TDocument, TView> view)
        where TDocument : notnull
    {
        var query = new ListQuery(http.Request);
        var (limit, offset) = (query.Limit, query.Offset);
        query.Check();
        await using var session = store.QuerySession(http.OrganizationId().ToString());
        var page = await order(session.Query<TDocument>().Stats(out var statistics)).Skip(offset).Take(limit).ToListAsync(http.RequestAborted);
        var total = page.Count > 0 || offset == 0 ? statistics.TotalResults : await session.Query<TDocument>().CountAsync(http.RequestAborted);
        return Answers.Json(new ListEnvelope<TView>([.. page.Select(view)], new(total, limit, offset)));
    }
}
